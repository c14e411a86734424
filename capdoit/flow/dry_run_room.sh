# shellcheck shell=sh
# How many KiB are free where releases go, and how many the live one takes; changes nothing.
# shellcheck disable=SC2154
place=$deploy_to
while [ ! -d "$place" ]; do
    place=$(dirname "$place")
done
df -Pk "$place" | tail -n 1 | { read -r _ _ _ free _ && printf '%s\n' "$free"; }
if [ -d "$deploy_to/current/" ]; then
    du -sk "$deploy_to/current/" | cut -f 1
fi
