# shellcheck shell=sh
# Print the free room where releases are stored, and the room that the live release takes, in KiB and in inodes.
# Needs: find_existing print_fact print_space
# Given: deploy_to
place=$(find_existing "$deploy_to")
space=$(print_space -Pk "$place")
inodes=$(print_space -Pi "$place")
print_fact free_kib "${space#* }"
print_fact free_inodes "${inodes#* }"
if [ -d "$deploy_to/current/" ]; then
    print_fact live_kib "$(du -sk "$deploy_to/current/" | cut -f 1)"
    print_fact live_inodes "$(find "$deploy_to/current/" | wc -l | tr -d ' ')"
fi
print_fact end yes
