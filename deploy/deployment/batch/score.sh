#!/bin/sh
# Score a file with bundle ac54aadb54447781ff0cefeac92eef564f3abc30c67c94ddf535e0c3710f0c90: score.sh BUNDLE INPUT OUTPUT
set -eu
if [ "$#" -ne 3 ]; then
  echo "usage: score.sh BUNDLE INPUT OUTPUT" >&2
  exit 2
fi
found=$(sha256sum "$1/SHA256SUMS" | cut -d ' ' -f 1)
if [ "$found" != "ac54aadb54447781ff0cefeac92eef564f3abc30c67c94ddf535e0c3710f0c90" ]; then
  echo "error: $1 is not bundle ac54aadb5444, its digest is $found" >&2
  exit 7
fi
"${PYTHON:-python3}" "$1/predict.py" "$2" "$3.new"
mv "$3.new" "$3"
