# shellcheck shell=sh
# Send a signal to a running puma and wait until it has restarted: until its pid file names a running process.
# Arguments: the pid file, the signal, the seconds to wait.
pid_file=$1 signal=$2 patience=$3
if [ ! -s "$pid_file" ]; then
    echo "puma does not run: $pid_file does not exist; start puma once, later releases restart it" >&2
    exit 1
fi
# After a reboot, the pid may belong to another program. puma has its name in its command line.
command=$(tr '\0' ' ' <"/proc/$(cat "$pid_file")/cmdline" 2>/dev/null) || command=
case $command in
    '' | *puma*) ;;
    *)
        echo "the process of $pid_file is not puma but: $command; remove the file and start puma" >&2
        exit 1
        ;;
esac
kill "-$signal" "$(cat "$pid_file")" || {
    echo "the puma of $pid_file does not run; start puma once, later releases restart it" >&2
    exit 1
}
sleep 1
seconds_left=$patience
until [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; do
    seconds_left=$((seconds_left - 1))
    if [ "$seconds_left" -le 0 ]; then
        echo "puma did not run again within $patience s; see its log" >&2
        exit 1
    fi
    sleep 1
done
