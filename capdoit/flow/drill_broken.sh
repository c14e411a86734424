# shellcheck shell=sh
# Given links of a release; says which of them should lead to what is shared, and lead nowhere.
# deploy_to is in the environment.
# shellcheck disable=SC2154
for link; do
    if [ -e "$link" ]; then continue; fi
    to=$(readlink "$link")
    case $to in
        "$deploy_to"/shared/*) printf '%s -> %s\n' "$link" "$to" ;;
    esac
done
