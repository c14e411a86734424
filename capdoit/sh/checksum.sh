# shellcheck shell=sh
# Checksums of large files.

# Print the sha256 of a file. openssl takes a third of the time of many versions of sha256sum, but not every host has it.
print_sha256() {
    sum=$(openssl dgst -sha256 -r "$1" 2>/dev/null) || sum=$(sha256sum "$1")
    printf '%s\n' "${sum%% *}"
}
