# shellcheck shell=sh
# Print what a release was shipped as, or what it is now if it has no manifest; or only the checksum of that.
# Needs: enter_deploy_to has_manifest list_release print_manifest
# Given: only_checksum release verify
LC_ALL=C
export LC_ALL
enter_deploy_to
[ -d "releases/$release" ] || exit 0
if has_manifest; then
    print_manifest "$verify"
else
    list_release "releases/$release" "$verify" '' | sort
fi | if [ -n "$only_checksum" ]; then sha256sum; else cat; fi
