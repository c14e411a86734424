#!/bin/sh
# Install the missing programs that the tests run. Needs root and apt-get; otherwise prints which packages to install.
# With the argument `real`, also install the real tools for the tests of the recipes.
set -eu

missing=
need() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing="$missing $2"
}
need sshd openssh-server
need ssh openssh-client
need git git
need flock util-linux
need dash dash
need bash bash
need busybox busybox
need zsh zsh
need fish fish
need cap capistrano
need sudo sudo
need curl curl
need wget wget
need chromium chromium
if [ "${1:-}" = real ]; then
    need nginx nginx-light
    need systemctl systemd
    need supervisord supervisor
    need puma puma
    need passenger passenger
    need node nodejs
    need npm npm # installs pnpm and yarn
    # Debian's package `rails` also depends on Debian's node packages, which conflict with other installations of node.
    need rails ruby-rails
    need bundle bundler
    need rbenv rbenv
    need crontab cron
    need redis-server redis-server
    need sidekiq ruby-sidekiq
    ruby -e 'require "delayed_job_active_record"' 2>/dev/null || missing="$missing ruby-delayed-job-active-record ruby-sqlite3"
    ruby -e 'require "sprockets/railtie"; require "sqlite3"' 2>/dev/null ||
        missing="$missing ruby-sprockets-rails ruby-sqlite3"
fi

if [ "${1:-}" = real ]; then # PHP
    need php php-cli
    need composer composer
    need setfacl acl
    need cgi-fcgi libfcgi-bin
    ls /usr/sbin/php-fpm[0-9]* >/dev/null 2>&1 || missing="$missing php-fpm" # its name has PHP's version
    php -r 'require "Illuminate/autoload.php"; new PDO("sqlite::memory:");' 2>/dev/null ||
        missing="$missing php-laravel-framework php-sqlite3"
    php -r 'require "Symfony/Bundle/FrameworkBundle/autoload.php"; require "Symfony/Component/Dotenv/autoload.php";' \
        2>/dev/null || missing="$missing php-symfony-framework-bundle php-symfony-console php-symfony-dotenv"
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "the tests need these packages (Debian's names):$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
apt-get install -qq -y --no-install-recommends $missing >/dev/null
