# A stand-in for capistrano-laravel, which loads capistrano-composer.
require "capistrano/composer"
task("laravel:optimize") { on(roles(:all)) { execute :php, "artisan" } }
after "deploy:updated", "laravel:optimize"
