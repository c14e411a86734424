# The smallest application with a database and assets. Debian's Rails needs no Bundler.
require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"
require "sprockets/railtie"

module Shop
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = true
    config.secret_key_base = "of a test"
    config.hosts.clear
    config.public_file_server.enabled = true
    config.assets.compile = false
    config.assets.precompile = ["shop.css"]
    config.active_record.dump_schema_after_migration = false
    config.log_level = :warn
    routes.append { root to: "teas#index" }
  end
end
