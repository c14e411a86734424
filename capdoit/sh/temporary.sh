# shellcheck shell=sh
# A temporary directory outside of deploy_to, for a script that changes nothing there.
# Needs: die
# Environment: TMPDIR

# Make the directory, once; it is removed at the end of the script.
make_temporary_directory() {
    if [ -n "${temporary_directory:-}" ]; then return 0; fi
    temporary_directory=${TMPDIR:-/tmp}/capdoit-$$
    rm -rf "$temporary_directory" # of a script that was killed
    mkdir -m 700 "$temporary_directory" || die "$temporary_directory cannot be created"
    trap 'rm -rf "$temporary_directory"' EXIT
}

temporary_path() {
    printf '%s\n' "$temporary_directory/$1"
}
