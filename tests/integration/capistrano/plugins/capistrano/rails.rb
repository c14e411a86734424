# A stand-in for capistrano-rails, which loads its parts and capistrano-bundler.
require "capistrano/bundler"
require "capistrano/rails/assets"
require "capistrano/rails/migrations"
