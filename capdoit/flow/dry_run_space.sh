# shellcheck shell=sh
# Print the free disk space where releases are stored, and the size of the live release, both in KiB.
# Needs: find_existing print_space
# Given: deploy_to
space=$(print_space -Pk "$(find_existing "$deploy_to")")
[ -n "$space" ] || exit 0
printf '%s\n' "${space#* }"
if [ -d "$deploy_to/current/" ]; then
    du -sk "$deploy_to/current/" | cut -f 1
fi
