# shellcheck shell=sh
# Tells a running puma to restart, and waits until it has: until its pid file names a process that answers signals.
# Arguments: the pid file, the signal, seconds of patience.
pid_file=$1 signal=$2 patience=$3
if [ ! -s "$pid_file" ]; then
    echo "puma does not run: there is no $pid_file; start it, and the next release finds it" >&2
    exit 1
fi
# After a reboot another program may have its number; puma says its name in its command line.
command=$(tr '\0' ' ' <"/proc/$(cat "$pid_file")/cmdline" 2>/dev/null) || command=
case $command in
    '' | *puma*) ;;
    *)
        echo "the process of $pid_file is no puma but: $command; remove the file and start puma" >&2
        exit 1
        ;;
esac
kill "-$signal" "$(cat "$pid_file")" || {
    echo "puma of $pid_file does not run; start it, and the next release finds it" >&2
    exit 1
}
sleep 1
left=$patience
until [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
        echo "puma has not come back after $patience s; its log says why" >&2
        exit 1
    fi
    sleep 1
done
