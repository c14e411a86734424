# shellcheck shell=sh
# The contents of a commit that a release lacks: git archive writes a submodule as an empty directory, and a file in
# Git LFS as its pointer.
# Needs: make_temporary_directory print_fact temporary_path
# Given: examine_lfs examine_submodules repo_tree

# Print the first paths of a commit ($2) in a repository ($1) that a release would lack, as facts.
report_omissions() {
    if [ -n "$examine_submodules" ]; then
        git --git-dir="$1" ls-tree -r --full-tree "$2" -- ${repo_tree:+"$repo_tree"} |
            sed -n 's/^160000 commit [0-9a-f]*.//p' | report_first_lines submodule
    fi
    if [ -n "$examine_lfs" ] && ! has_lfs_filter "$1" && names_lfs "$1" "$2"; then
        lfs_files=$(list_lfs_files "$1" "$2") || return
        printf '%s\n' "$lfs_files" | sed '/^$/d' | report_first_lines lfs_file
    fi
}

# Check whether the host has Git LFS: then git archive writes the contents.
has_lfs_filter() {
    git --git-dir="$1" config filter.lfs.process >/dev/null || git --git-dir="$1" config filter.lfs.smudge >/dev/null
}

names_lfs() {
    git --git-dir="$1" grep --quiet 'filter=lfs' "$2" -- ':(glob)**/.gitattributes'
}

# List the files with the attribute, which git reads from an index.
list_lfs_files() {
    make_temporary_directory || return
    (
        GIT_INDEX_FILE=$(temporary_path index)
        export GIT_INDEX_FILE
        git --git-dir="$1" read-tree "$2" || exit
        git --git-dir="$1" --literal-pathspecs ls-files -- ${repo_tree:+"$repo_tree"} |
            git --git-dir="$1" check-attr --cached --stdin filter | sed -n 's/: filter: lfs$//p'
    )
}

# Print the subject line of a commit ($2) in a repository ($1) as a fact.
report_subject() {
    subject=$(git --git-dir="$1" log -1 --no-show-signature --format=%s "$2") || return 0
    if [ -n "$subject" ]; then print_fact subject "$subject"; fi
}

# Print the first lines of stdin as facts ($1); a message names a few of hundreds of files.
report_first_lines() {
    sed 6q | while IFS= read -r line; do print_fact "$1" "$line"; done
}
