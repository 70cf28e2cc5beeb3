#!/bin/sh
# Score a file with bundle 34832439190f2b755124cfe2370f17bfe25ae4cc9e9793b2806b3a0c9211a1c7: score.sh BUNDLE INPUT OUTPUT
set -eu
if [ "$#" -ne 3 ]; then
  echo "usage: score.sh BUNDLE INPUT OUTPUT" >&2
  exit 2
fi
found=$(sha256sum "$1/SHA256SUMS" | cut -d ' ' -f 1)
if [ "$found" != "34832439190f2b755124cfe2370f17bfe25ae4cc9e9793b2806b3a0c9211a1c7" ]; then
  echo "error: $1 is not bundle 34832439190f, its digest is $found" >&2
  exit 7
fi
"${PYTHON:-python3}" "$1/predict.py" "$2" "$3.new"
mv "$3.new" "$3"
