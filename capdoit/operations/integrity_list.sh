# shellcheck shell=sh
# What a release was shipped as, or is when nobody wrote that down; its digest, or all of it.
# shellcheck disable=SC2154
LC_ALL=C
export LC_ALL
[ -d "releases/$release" ] || exit 0
if has_manifest; then shipped; else listing "releases/$release" | sort; fi | if [ -n "$digest" ]; then sha256sum; else cat; fi
