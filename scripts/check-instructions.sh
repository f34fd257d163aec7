#!/bin/sh
# Fails when an executable could end with "Illegal instruction" on an x86-64 CPU
# that lacks an instruction set its kernels have variants for:
#  * code may use plain x86-64 alone, except in a variant for a set, which may
#    use that set; inline functions of shared headers that the linker happened
#    to keep from a variant count as what they are, code for everybody;
#  * code calls or jumps into a variant for a set only from one at least as
#    high: all others go through tables, after a look at the CPU.
# The judge of instructions is the assembler, told what a CPU has. Symbols must
# not be stripped.
#   scripts/check-instructions.sh EXECUTABLE...
set -eu
export LC_ALL=C
[ $# -gt 0 ] || { echo "usage: check-instructions.sh EXECUTABLE..." >&2; exit 2; }
[ "$(uname -m)" = x86_64 ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Variants by their symbols, lowest first, with what they may use: Highway's
# namespaces of kernels, and what GCC makes of target_clones("avx2").
cat >"$work/variants" <<'END'
default    generic64
6N_SSE4    generic64+sse4.2+popcnt
[.]avx2    generic64+avx2+popcnt
6N_AVX2    generic64+avx2+popcnt+fma+f16c+bmi+bmi2
6N_AVX3    generic64+avx2+popcnt+fma+f16c+bmi+bmi2+avx512f+avx512vl+avx512dq+avx512bw
11N_AVX3_VNNI generic64+avx2+popcnt+fma+f16c+bmi+bmi2+avx512f+avx512vl+avx512dq+avx512bw+avx512_vnni
END

# Functions of others that look at the CPU themselves.
cat >"$work/listed" <<'END'
_nettle_(cbc_)?aes[0-9]+_(en|de)crypt_aesni  nettle: where its own CPUID says AES
_nettle_ghash_(set_key|update)_pclmul        nettle: where its own CPUID says PCLMULQDQ
_nettle_sha(1|256)_compress_sha_ni           nettle: where its own CPUID says SHA
(ZSTD|HUF|FSE)_.*_(bmi2|fast|fast_(c|asm)_loop)([.].*)?  zstd: where its own CPUID says BMI and BMI2
get_available_features([.].*)?               libgcc, the look at the CPU: XGETBV where CPUID says OSXSAVE
get_cpu_features                             PCRE2: runs LZCNT, which older CPUs take for BSR, to see which it is
_Unwind_(ForcedUnwind|RaiseException|Resume|Resume_or_Rethrow)  libgcc: INCSSP where RDSSP, otherwise a no-op, finds a shadow stack
END

# Prints "variant<TAB>instruction<TAB>function" of what may be of interest, and
# "calls<TAB>…<TAB>function" where one enters a higher variant.
cat >"$work/read.awk" <<'END'
# Of several names that it bears the first counts, which is that of the function
# itself: others are those of its types.
function variantOf(symbol,    i, variant, first) {
  variant = 1
  for (i = 2; i <= variants; ++i)
    if (match(symbol, pattern[i]) && (variant == 1 || RSTART < first)) {
      variant = i
      first = RSTART
    }
  return variant
}
FILENAME ~ /variants$/ { pattern[++variants] = $1; next }
FILENAME ~ /listed$/ { listed = listed (listed ? "|" : "") "^" $1 "$"; next }
/^[0-9a-f]+ <.*>:$/ {
  symbol = $2
  gsub(/^<|>:$/, "", symbol)
  skip = symbol ~ listed
  variant = variantOf(symbol)
  next
}
skip || NF < 2 { next }
{
  split($0, field, "\t")
  text = field[2]
  if (text == "")
    next
  direct = text ~ /^((bnd|notrack|data16|rex[.W]*|addr32|cs|ds) )*(call|j[a-z]+|loop[a-z]*|xbegin) +[0-9a-f]+ </
  if (direct) {
    target = text
    gsub(/^[^<]*<|[+@>].*$/, "", target)
    if (variantOf(target) > variant)
      print "calls\t" target "\t" symbol
    next
  }
  sub(/ *[<#].*$/, "", text)
  # Prefixes that mean nothing here, and padding.
  while (sub(/^(data16|cs|ds|es|ss|bnd|notrack|rex[.WRXB]*|addr32) +/, "", text))
    ;
  if (text ~ /^(nop|endbr64|rdssp|(repz )?ret)/)
    next
  # Compilers write "rep bsf" for what older CPUs take for bsf: only where the
  # two agree.
  sub(/^tzcnt/, "bsf", text)
  gsub(/0x[0-9a-f]+/, "0x10", text)
  key = variant "\t" text
  if (names || !(key in seen))
    print key "\t" symbol
  seen[key] = 1
}
END

read_code() { # EXECUTABLE NAMES
  objdump -d --no-show-raw-insn "$1" |
    awk -v names="$2" -f "$work/read.awk" "$work/variants" "$work/listed" -
}

failed=0
complain() {
  echo "check-instructions: $1" | c++filt >&2
  failed=1
}

for executable; do
  read_code "$executable" 0 >"$work/code"
  [ -s "$work/code" ] || { complain "'$executable' holds no code"; continue; }
  awk -F'\t' '$1 == "calls" { print $3, $2 }' "$work/code" | sort -u >"$work/calls"
  while read -r from to; do
    complain "'$executable': $from enters $to without a look at the CPU"
  done <"$work/calls"

  : >"$work/wrong"
  variant=0
  while read -r name set; do
    variant=$((variant + 1))
    awk -F'\t' -v variant=$variant '$1 == variant { print $2 }' "$work/code" >"$work/$variant.s"
    as -march="$set" -o /dev/null "$work/$variant.s" 2>"$work/errors" || :
    # FILE:LINE: Error: …
    awk -v variant=$variant '
      NR == FNR { if (split($0, part, ":") > 2 && part[2] ~ /^[0-9]+$/) bad[part[2]]; next }
      FNR in bad { print variant "\t" $0 }
    ' "$work/errors" "$work/$variant.s" >>"$work/wrong"
  done <"$work/variants"
  [ -s "$work/wrong" ] || continue
  # Now with the names of all functions that hold them.
  read_code "$executable" 1 | awk -F'\t' '
    NR == FNR { wrong[$0]; next }
    ($1 "\t" $2) in wrong && !($3 in seen) { seen[$3]; print $1, $3, $2 }
  ' "$work/wrong" - >"$work/where"
  while read -r variant symbol instruction; do
    set=$(awk -v variant="$variant" 'NR == variant { print $2 }' "$work/variants")
    complain "'$executable': $symbol may use $set, but holds '$instruction'"
  done <"$work/where"
done
exit $failed
