# shellcheck shell=sh
# The far end of a session: reads frames on stdin, runs each script apart with nothing on its stdin,
# and says on stdout and on stderr how it ended. Reading goes on meanwhile, also behind the bytes that a
# script is fed, so the end of stdin (the controller cancelled, died, or was cut off) is heard at once, and
# then everything started here is killed. A controller whose machine went off, or whose network did, says no
# end: when no "beat" comes for as long as "watch" says, or no bytes for five times as long, it counts as
# gone. Only "bye" leaves running what a script left running.
# It is given to sh -c inside single quotes: none of them here, nor backslashes, nor exclamation marks.
IFS= read -r nonce || exit 1
newline="
"
trap : TERM INT HUP PIPE
exec 7>&1
ended() {
    printf "%s%s %s %s%s" "$newline" "$nonce" "$1" "$2" "$newline"
    printf "%s%s %s %s%s" "$newline" "$nonce" "$1" "$2" "$newline" >&2
}
lines() {
    script=
    left=$1
    while [ "$left" -gt 0 ]; do
        IFS= read -r line || return 1
        script=$script$line$newline
        left=$((left - 1))
    done
}
strays() {
    # Programs such as timeout make a process group of their own, which kill 0 does not reach; their session
    # is still this one. The second word of stat may be anything; so many words as stat has, it cannot hold.
    read -r stat </proc/self/stat || return
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    group=$3
    [ "$4" = "$group" ] || return
    for file in /proc/[0-9]*/stat; do
        read -r stat <"$file" || continue
        # shellcheck disable=SC2086
        set -- ${stat##*) }
        [ "$#" -lt 20 ] || [ "$4" != "$group" ] || [ "$3" = "$group" ] || kill -s "$signal" -- "-$3"
    done
}
end_all() {
    for signal in TERM KILL; do
        strays 2>/dev/null
        kill -s "$signal" 0
        sleep 1
    done
}
watch() {
    trap "silence=0" USR1
    exec >/dev/null
    silence=0
    while [ "$silence" -le "$1" ]; do
        sleep 1
        silence=$((silence + 1))
    done
    trap : TERM
    end_all
}
guard() {
    # Ends when the output does: once the traps are set. Of a function, dash would keep what it closes.
    dog=$( (watch "$1") </dev/null 2>/dev/null 7>&- 9>&- & echo $!)
}
swallow() {
    left=$1
    while [ "$left" -ge 262144 ]; do
        case $(dd bs=65536 count=4 iflag=fullblock 2>&1 >&6) in
            0+0*) return ;;
        esac
        kill -USR1 "$dog"
        left=$((left - 262144))
    done
    [ "$left" -eq 0 ] || dd bs="$left" count=1 iflag=fullblock
}
feed() {
    tag=$1
    kill "$dog"
    guard $((patience * 5))
    {
        trap : TERM INT HUP PIPE
        swallow "$2" 6>&1 2>/dev/null
        exec >&7
        hear
    } | {
        (eval "$script") 7>&- 9>&-
        status=$?
        cat >/dev/null
        ended "$tag" "$status"
    }
    kill "$dog"
    guard "$patience"
}
hear() {
    while IFS=" " read -r verb tag count bytes; do
        case $verb in
            run)
                lines "$count" || break
                { (eval "$script") </dev/null 7>&- 9>&-; ended "$tag" $?; } &
                ;;
            hold)
                lines "$count" || break
                hold_status=1
                eval "$script"
                ended "$tag" "$hold_status"
                ;;
            watch)
                patience=$tag
                guard "$patience"
                ;;
            beat) kill -USR1 "$dog" ;;
            feed)
                lines "$count" || break
                feed "$tag" "$bytes"
                ;;
            fed) return ;;
            bye)
                kill "$dog"
                trap - EXIT
                exit 0
                ;;
            *) break ;;
        esac
    done
    end_all
}
# However this shell ends.
trap end_all EXIT
ended hello 0
hear
