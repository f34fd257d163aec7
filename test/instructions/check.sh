#!/bin/sh
# scripts/check-instructions.sh finds every fault of violations.s, and no other.
#   check.sh SCRIPTS_FOLDER
set -eu
export LC_ALL=C
[ "$(uname -m)" = x86_64 ] || exit 0
cd "$(dirname "$0")"
object=$(mktemp)
trap 'rm -f "$object" "$object".*' EXIT
as -o "$object" violations.s

if "$1/check-instructions.sh" "$object" 2>"$object.found"; then
  echo "check-instructions.sh found nothing" >&2
  exit 1
fi
# What is said of each function, without the long list of what it may use.
sed "s|^check-instructions: '$object': ||; s/ may use .*, but holds '\([^ ]*\).*'$/ \1/; s/ without a look.*//" \
  "$object.found" | sort >"$object.result"
sort >"$object.wanted" <<'END'
shared_header_avx512 vaddps
plain_vex vmovd
plain_popcnt popcnt
plain_bmi andn
plain_lzcnt lzcnt
plain_aes aesenc
plain_sse42 pcmpgtq
qzc::N_SSE4::avxset() vaddps
qzc::N_SSE4::aes() aesenc
qzc::N_AVX2::masked() vaddps
qzc::N_AVX2::evex() {evex}
qzc::N_AVX3::vnni() vpdpbusd
qzc::N_AVX3_VNNI::vbmi() vpermb
qzc::code() [clone .avx2] vfmadd213ps
calls_kernel enters qzc::N_SSE4::fine()
jumps_to_kernel enters qzc::N_AVX3::fine()
qzc::N_SSE4::calls() enters qzc::N_AVX2::fine()
qzc::N_AVX3::calls() enters void qzc::N_AVX3_VNNI::fine<qzc::N_AVX3::Row>()
END
diff "$object.wanted" "$object.result"

# Nor does it take silence for an answer.
printf '.data\n.byte 1\n' | as -o "$object" -
if "$1/check-instructions.sh" "$object" 2>/dev/null; then
  echo "check-instructions.sh accepts a file without code" >&2
  exit 1
fi
