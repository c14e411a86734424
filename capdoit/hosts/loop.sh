# shellcheck shell=sh
# The far end of a session: reads frames on stdin, runs their scripts, and reports on stdout and stderr how each ended.
# A script runs in a subshell with an empty stdin. Reading goes on meanwhile, also behind the bytes of a script's stdin,
# so that the end of stdin is noticed at once: the controller cancelled, died or lost the connection. Then everything
# that was started here is killed. If the machine or the network of the controller goes down, stdin does not end: the
# controller counts as gone when no "beat" comes for the seconds that "watch" says, or, while bytes are sent, no bytes
# for five times as long. The second number of "watch" is the seconds between two heartbeats of this host, with which
# the controller notices a lost host. Only after "bye", what scripts left running goes on. A session that ends otherwise
# is lost; "on_loss" gives the script that runs then.
# The text is an argument of sh -c in single quotes: no single quotes, backslashes or exclamation marks outside of
# comments.
# Environment: HOME

IFS= read -r nonce || exit 1
newline="
"
# Scripts may set another HOME. Without one, paths below it must not become paths below the root directory.
login_home=${HOME:-/dev/null/HOME-is-not-set}
watchdog=
loss_script=
trap : TERM INT HUP PIPE
exec 7>&1

# Report on both streams that the script with a tag ended with a status.
report_end() {
    printf "%s%s %s %s%s" "$newline" "$nonce" "$1" "$2" "$newline"
    printf "%s%s %s %s%s" "$newline" "$nonce" "$1" "$2" "$newline" >&2
}

# Read the lines of a script from stdin into $script.
read_script() {
    script=
    remaining_lines=$1
    while [ "$remaining_lines" -gt 0 ]; do
        IFS= read -r line || return 1
        script=$script$line$newline
        remaining_lines=$((remaining_lines - 1))
    done
}

# Send $signal to the process groups of this session that "kill 0" does not reach: programs such as timeout make a
# group of their own. The second field of stat is a program name in parentheses, which may contain spaces and
# parentheses, but is too short to contain 20 fields.
signal_other_groups() {
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

signal_all() {
    signal=$1
    signal_other_groups 2>/dev/null
    kill -s "$signal" 0
}

# End a lost session: everything that it started is killed. The script for this case runs before this shell is killed,
# which holds the lock. Either this shell or the watchdog does this: the shell may hang, and otherwise kills the watchdog.
end_lost_session() {
    [ -z "$watchdog" ] || kill -s KILL "$watchdog"
    signal_all TERM
    (eval "$loss_script") </dev/null >/dev/null 2>&1 7>&- 9>&-
    sleep 1
    signal_all KILL
    sleep 1
}

# Kill everything when no signal USR1 comes for $1 seconds.
watch_heartbeat() {
    trap "silent_seconds=0" USR1
    watchdog=
    exec >/dev/null
    silent_seconds=0
    while [ "$silent_seconds" -le "$1" ]; do
        sleep 1
        silent_seconds=$((silent_seconds + 1))
    done
    trap : TERM
    end_lost_session
}

# Start watch_heartbeat in the background and return when its traps are set: then it closes its output. The subshell is
# needed since dash would keep open what a function closes.
start_watchdog() {
    watchdog=$( (watch_heartbeat "$1") </dev/null 2>/dev/null 7>&- 9>&- & echo $!)
}

# Tell the controller every $1 seconds that this host is alive. This is a separate process, because it waits while the
# controller does not read.
send_heartbeats() {
    exec >/dev/null 2>&1
    while :; do
        seconds=0
        while [ "$seconds" -lt "$1" ]; do
            sleep 1 8>&-
            seconds=$((seconds + 1))
        done
        printf "%s beat 0%s" "$nonce" "$newline" >&8
    done
}

# Start send_heartbeats as start_watchdog starts the watchdog.
start_heartbeats() {
    heartbeats=$( (send_heartbeats "$1") </dev/null 8>&2 7>&- 9>&- & echo $!)
}

# Copy bytes from stdin to file descriptor 6, with a heartbeat for each piece. A piece has 256 KiB, and while pieces take
# less than a second, as dd reports, up to 32 MiB: to start a program for each 256 KiB would take longer than the copying.
# Fail if a dd fails: bytes are missing then.
copy_bytes() {
    remaining_bytes=$1
    blocks=4
    while [ "$remaining_bytes" -ge 262144 ]; do
        [ "$remaining_bytes" -ge $((blocks * 65536)) ] || blocks=4
        report=$(dd bs=65536 count="$blocks" iflag=fullblock 2>&1 >&6) || return
        remaining_bytes=$((remaining_bytes - blocks * 65536))
        case $report in
            0+0*) return ;;
            *", 0"[.,]*" s"*) [ "$blocks" -ge 512 ] || blocks=$((blocks * 2)) ;;
            *) blocks=4 ;;
        esac
        kill -USR1 "$watchdog"
    done
    [ "$remaining_bytes" -eq 0 ] || dd bs="$remaining_bytes" count=1 iflag=fullblock
}

# Run $script with bytes of this stdin as its stdin, and read on behind them.
run_with_stdin() {
    tag=$1
    kill "$watchdog"
    start_watchdog $((timeout_seconds * 5))
    {
        trap : TERM INT HUP PIPE
        copy_bytes "$2" 6>&1 2>/dev/null || end_lost_session
        exec >&7
        read_frames
    } | {
        (eval "$script") 7>&- 9>&-
        status=$?
        cat >/dev/null
        report_end "$tag" "$status"
    }
    kill "$watchdog"
    start_watchdog "$timeout_seconds"
}

read_frames() {
    while IFS=" " read -r verb tag count bytes; do
        case $verb in
            run)
                read_script "$count" || break
                { (eval "$script") </dev/null 7>&- 9>&-; report_end "$tag" $?; } &
                ;;
            hold)
                read_script "$count" || break
                hold_status=1
                eval "$script"
                report_end "$tag" "$hold_status"
                ;;
            watch)
                timeout_seconds=$tag
                start_watchdog "$timeout_seconds"
                start_heartbeats "$count"
                ;;
            on_loss)
                read_script "$count" || break
                loss_script=$script
                kill "$watchdog"
                start_watchdog "$timeout_seconds" # the new one knows the script
                printf "%s %s 0%s" "$nonce" "$tag" "$newline" >&2
                ;;
            beat) kill -USR1 "$watchdog" ;;
            feed)
                read_script "$count" || break
                run_with_stdin "$tag" "$bytes"
                ;;
            fed) return ;;
            bye)
                kill "$watchdog" "$heartbeats"
                trap - EXIT
                exit 0
                ;;
            *) break ;;
        esac
    done
    end_lost_session
}

# However this shell ends, nothing that it started is left behind.
trap end_lost_session EXIT
printf "%s%s home %s%s" "$newline" "$nonce" "$login_home" "$newline"
report_end hello 0
read_frames
