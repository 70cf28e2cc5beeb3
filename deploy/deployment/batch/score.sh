#!/bin/sh
# Score a file with bundle d1261c3fba41bd6a85973ffad4a9cb88956dd7f4ffad3a1d38f8c7aeb012a0da: score.sh BUNDLE INPUT OUTPUT
set -eu
if [ "$#" -ne 3 ]; then
  echo "usage: score.sh BUNDLE INPUT OUTPUT" >&2
  exit 2
fi
found=$(sha256sum "$1/SHA256SUMS" | cut -d ' ' -f 1)
if [ "$found" != "d1261c3fba41bd6a85973ffad4a9cb88956dd7f4ffad3a1d38f8c7aeb012a0da" ]; then
  echo "error: $1 is not bundle d1261c3fba41, its digest is $found" >&2
  exit 7
fi
"${PYTHON:-python3}" "$1/predict.py" "$2" "$3.new"
mv "$3.new" "$3"
