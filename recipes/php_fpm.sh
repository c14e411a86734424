# shellcheck shell=sh
# Test the configuration of PHP-FPM, reload it by a signal, or reset the opcache of a pool.
# Arguments: the action (test, signal or reset); then its arguments, see the comment above its function.
set -eu
action=$1
shift

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Run a command as root.
run_as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Test the configuration. Debian has the program in a directory that is not on every user's PATH.
# Arguments: the command that tests it.
test_configuration() {
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    program=$(command -v "$1") || exit 127
    shift
    run_as_root "$program" "$@"
}

# Print the command line of the process of a pid file; fail if there is none. Arguments: the pid file.
print_command() {
    [ -s "$1" ] && tr '\0' ' ' <"/proc/$(cat "$1")/cmdline" 2>/dev/null
}

# Reload by a signal. After a reboot, the pid may belong to another program. The master process has php-fpm in its title.
# A master process that is a daemon has another pid after a reload.
# Arguments: the pid file; the seconds that it must run; the seconds to wait until it runs.
signal_master() {
    command=$(print_command "$1") || die "PHP-FPM does not run: $1 names no process; start it once"
    case $command in
        *php-fpm*) ;;
        *) die "the process of $1 is not PHP-FPM but: $command; remove the file and start PHP-FPM" ;;
    esac
    kill -USR2 "$(cat "$1")" 2>/dev/null || sudo -n kill -USR2 "$(cat "$1")"
    sleep "$2"
    checks_left=$(($3 * 5)) # one every 0.2 s
    until is_running "$1"; do
        checks_left=$((checks_left - 1))
        [ "$checks_left" -gt 0 ] ||
            die "PHP-FPM does not run any more, $3 s after the signal USR2; its configuration may be broken"
        sleep 0.2
    done
}

# Check that a pid file names a process of PHP-FPM. Arguments: the pid file.
is_running() {
    case $(print_command "$1") in *php-fpm*) return 0 ;; esac
    return 1
}

# Let the pool run a script that resets its opcache. Arguments: the socket; a directory that the pool can read.
reset_opcache() {
    command -v cgi-fcgi >/dev/null || exit 127
    dir=$(mktemp -d "$2/.capdoit-opcache-XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    trap 'exit 1' HUP INT TERM
    cat >"$dir/reset.php" <<'PHP'
<?php
$isOn = function_exists('opcache_reset') && filter_var(ini_get('opcache.enable'), FILTER_VALIDATE_BOOLEAN);
echo "\ncapdoit:", !$isOn ? 'off' : (opcache_reset() ? 'reset' : 'refused'), "\n";
PHP
    chmod 755 "$dir"
    chmod 644 "$dir/reset.php"
    answer=$(
        env -i PATH="$PATH" SCRIPT_FILENAME="$dir/reset.php" SCRIPT_NAME=/reset.php REQUEST_METHOD=GET \
            cgi-fcgi -bind -connect "$1"
    ) || die "$answer"
    case $answer in
        *capdoit:reset*) ;;
        *capdoit:off*) echo "the pool of $1 has no opcache" ;;
        *capdoit:refused*) die "the pool of $1 refuses to reset its opcache; see opcache.restrict_api in its php.ini" ;;
        *) die "unexpected answer of the pool of $1: $answer" ;;
    esac
}

case $action in
    test) test_configuration "$@" ;;
    signal) signal_master "$@" ;;
    reset) reset_opcache "$@" ;;
esac
