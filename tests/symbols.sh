#!/bin/sh
# The shared library exports qn_ and nothing else, has its SONAME, and exports every function of quern.h.
set -u
lib=$1/libquern.so
bad=0 good=0
others=$(nm -D --defined-only "$lib" | awk '{print $3}' | grep -v '^qn_' | grep -v '^$')
if [ -n "$others" ]; then echo "exported without qn_: $others"; bad=$((bad + 1)); else good=$((good + 1)); fi
if readelf -d "$lib" | grep -q 'SONAME.*libquern\.so\.0'; then good=$((good + 1)); else echo "no SONAME libquern.so.0"; bad=$((bad + 1)); fi
for f in $(grep -oE '^QN_API [^;(]*\b(qn_[a-z0-9_]+)\(' include/quern.h | grep -oE 'qn_[a-z0-9_]+\($' | tr -d '('); do
    if nm -D --defined-only "$lib" | grep -qw "$f"; then good=$((good + 1)); else echo "declared but not exported: $f"; bad=$((bad + 1)); fi
done
echo "$good passed, $bad failed, 0 skipped"
[ "$bad" -eq 0 ]
