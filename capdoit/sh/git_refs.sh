# shellcheck shell=sh
# The names of branches and tags.
# Needs: print_fact

# Print the names on stdin as facts, for the suggestion of a similar name. Few repositories have 5000.
report_existing_refs() {
    sed 5000q | while read -r name; do print_fact existing_ref "$name"; done
}
