# A stand-in for capistrano3-puma 6 with its plugin for systemd.
module Capistrano
  class Puma < Capistrano::Plugin
    def set_defaults
      set_if_empty :puma_role, :web
    end

    def define_tasks
      namespace(:puma) { task(:smart_restart) { on(roles(fetch(:puma_role, :web))) { execute :systemctl } } }
    end

    def register_hooks
      after "deploy:finished", "puma:smart_restart"
    end

    class Systemd < Capistrano::Plugin
      def define_tasks
        namespace(:puma) { task(:enable) { nil } }
      end
    end
  end
end
