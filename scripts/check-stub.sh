#!/bin/sh
# Fails when an executable needs more of a machine than libc: shared libraries
# of others, or symbols newer than glibc 2.34; or when it forks, which is wrong
# beside threads (posix_spawn starts programs).
#   scripts/check-stub.sh build/bin/qzc-runtime
set -eu
[ $# -eq 1 ] || { echo "usage: check-stub.sh EXECUTABLE" >&2; exit 2; }
failed=0

needed=$(objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }')
[ -n "$needed" ] || { echo "check-stub: '$1' is no dynamic executable" >&2; exit 1; }
for library in $needed; do
  case $library in
    libc.so.6 | libm.so.6 | ld-linux-x86-64.so.2 | ld-linux-aarch64.so.1) ;;
    *) echo "check-stub: '$1' needs $library" >&2; failed=1 ;;
  esac
done

newer=$(objdump -T "$1" | awk '
  match($0, /GLIBC_[0-9]+\.[0-9]+/) {
    split(substr($0, RSTART + 6, RLENGTH - 6), version, ".")
    if (version[1] > 2 || (version[1] == 2 && version[2] > 34))
      print $NF, substr($0, RSTART, RLENGTH)
  }')
if [ -n "$newer" ]; then
  echo "check-stub: '$1' needs symbols newer than glibc 2.34:" $newer >&2
  failed=1
fi

if objdump -T "$1" | awk '$NF ~ /^v?fork$/ { found = 1 } END { exit !found }'; then
  echo "check-stub: '$1' forks" >&2
  failed=1
fi
exit $failed
