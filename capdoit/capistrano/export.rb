# A Capfile that prints what a Capistrano project declares. `doit cap install --from-capistrano` lets the project's own
# Capistrano load it, with a stage as the only task. It loads the Capfile of the project, and at the end it prints JSON
# between two marks. No host is contacted: `on` and connections are replaced, and questions are not asked.
#
# Environment: CAPDOIT_CAPFILE is the Capfile of the project; CAPDOIT_MARK is the mark.

abort "Capistrano 3 is needed" unless defined?(Capistrano::DSL)

require "json"
require "pathname"
require "set"

module CapdoitExport
  NeedsHost = Class.new(StandardError)
  # Methods that only a block of `on` has.
  ON_HOSTS = %i[capture execute upload! download! within].freeze
  ROOT = File.join(Dir.pwd, "")
  # Frames of Capistrano and Ruby between a declaration and the file that makes it.
  INTERNAL = %r{#{Regexp.quote(__FILE__)}|/capistrano/(?:dsl|configuration|proc_helpers|upload_task)|/rake/
    |/(?:forwardable|delegate|monitor)\.rb|\A<internal}x

  class << self
    attr_reader :hooks, :sets, :servers, :questions, :skipped, :all_reads, :commands
    attr_accessor :evaluating

    def begin_recording
      @hooks, @servers, @skipped, @reads, @all_reads, @commands = [], [], [], [], [], {}
      @sets = Hash.new { |sets, key| sets[key] = [] }
      @questions = {}
    end

    # Return file and line of the code that called Capistrano: ["config/deploy.rb", 12].
    def place_of_caller
      frame = caller.find { |line| line.delete_prefix(ROOT) !~ INTERNAL }
      frame && place(*frame.match(/\A(.+?):(\d+)/).captures)
    end

    def place(file, line)
      [File.expand_path(file).sub(/\A#{Regexp.quote(ROOT)}/, ""), line.to_i]
    end

    def in_project?(place)
      place && !place[0].start_with?("/", "vendor/", ".bundle/", "node_modules/")
    end

    def read_variable(name)
      return unless in_project?(place_of_caller)
      @reads |= [name.to_s]
      @all_reads |= [name.to_s]
    end

    def record_command(key)
      found = place_of_caller
      @commands[key.map(&:to_s)] = found if in_project?(found)
    end

    # Return the environment variables that were read since the last declaration.
    def take_reads
      reads, @reads = @reads, []
      reads
    end

    def record_set(key, value)
      code = value.respond_to?(:source_location) ? value : nil
      @sets[key] << { place: place_of_caller, reads: take_reads, code: code && span(code) }
    end

    def record_server(hosts)
      found, reads = place_of_caller, take_reads
      hosts.each { |host| @servers << [Capistrano::Configuration::Server[host].hostname, found, reads] }
    end

    # Leave out work on hosts. A value that needs it fails instead.
    def skip_hosts
      raise NeedsHost, "needs a host" if evaluating
      found = place_of_caller
      @skipped |= [found] if in_project?(found)
      nil
    end

    # Return file, first and last line of a block.
    def span(code)
      return nil unless code.source_location
      found = place(*code.source_location)
      location = RubyVM::InstructionSequence.of(code).to_a[4][:code_location]
      [*found, location ? location[2] : found[1]]
    rescue StandardError, NameError
      [*found, found[1]]
    end
  end
  begin_recording

  # The environment, which remembers who reads it. A variable that is required and not set has a placeholder.
  module Environment
    def [](name)
      CapdoitExport.read_variable(name)
      super
    end

    def fetch(name, *default, &block)
      CapdoitExport.read_variable(name)
      return super if key?(name) || !default.empty? || block
      "CAPDOIT_UNSET_#{name}"
    end
  end
end

ENV.singleton_class.send(:prepend, CapdoitExport::Environment)
Rake::TaskManager.record_task_metadata = true

Capistrano::TaskEnhancements.module_eval do
  %i[before after].each do |kind|
    plain = instance_method(kind)
    define_method(kind) do |target, task, *args, &block|
      found = CapdoitExport.place_of_caller
      plain.bind(self).call(target, task, *args, &block).tap do
        CapdoitExport.hooks << [kind, Rake::Task[target], task, found]
      end
    end
  end
end

Capistrano::Configuration.class_eval do
  set, ask, server, role = %i[set ask server role].map { |name| instance_method(name) }
  define_method(:set) do |key, *values, &block|
    CapdoitExport.record_set(key, block || values.first)
    CapdoitExport.questions.delete(key)
    set.bind(self).call(key, *values, &block)
  end
  define_method(:ask) do |key, default = nil, *options|
    ask.bind(self).call(key, default, *options).tap { CapdoitExport.questions[key] = default }
  end
  define_method(:server) do |name, *properties|
    CapdoitExport.record_server([name])
    server.bind(self).call(name, *properties)
  end
  define_method(:role) do |name, hosts, *options|
    CapdoitExport.record_server(Array(hosts))
    role.bind(self).call(name, hosts, *options)
  end
end

Capistrano::Configuration::Question.class_eval do
  define_method(:ask_question) { nil }
  define_method(:gets) { nil } # the default is taken
  private :ask_question, :gets
end

module CapdoitExport
  # Commands of SSHKit, which remember who replaces them.
  module CommandMap
    def []=(command, _)
      CapdoitExport.record_command(["", command])
      super
    end

    def prefix
      CapdoitExport.evaluating ? super : Prefixes.new(super)
    end
  end

  Prefixes = Struct.new(:prefixes) do
    def [](command)
      CapdoitExport.record_command(["prefix", command])
      prefixes[command]
    end

    def []=(command, words)
      self[command].replace(Array(words))
    end
  end
end
SSHKit::CommandMap.send(:prepend, CapdoitExport::CommandMap)

Capistrano::DSL.module_eval { define_method(:on) { |*, &_block| CapdoitExport.skip_hosts } }
SSHKit::Coordinator.class_eval { define_method(:each) { |*, &_block| CapdoitExport.skip_hosts } }
SSHKit::Backend::Netssh.class_eval do
  define_method(:run) { CapdoitExport.skip_hosts }
  define_method(:with_ssh) { |&_block| raise CapdoitExport::NeedsHost, "needs a host" }
end
Net::SSH.singleton_class.send(:define_method, :start) { |*, &_block| raise CapdoitExport::NeedsHost, "needs a host" }

module CapdoitExport
  # The report of what was recorded, as values for JSON.
  class Report
    def initialize(env, failure)
      @env, @failure = env, failure
      CapdoitExport.evaluating = true
    end

    def to_h
      {
        capistrano: Capistrano::VERSION, failure: failure, settings: settings, servers: servers, tasks: tasks,
        hooks: hooks, features: features, umask: umask, commands: commands, skipped: CapdoitExport.skipped,
        environment: environment(CapdoitExport.all_reads)
      }
    end

    private

    def failure
      @failure && describe(@failure)
    end

    def settings
      @env.keys.map { |key| setting(key) }
    end

    def setting(key)
      records = CapdoitExport.sets[key]
      value, error = evaluate(key)
      reads = records.flat_map { |record| record[:reads] } | CapdoitExport.take_reads
      {
        name: key.to_s, value: value, error: error, places: records.map { |record| record[:place] },
        code: records.map { |record| record[:code] }.compact.last, is_question: CapdoitExport.questions.key?(key),
        variables: environment(reads)
      }
    end

    def evaluate(key)
      [simple(@env.fetch(key)), nil]
    rescue Interrupt
      raise
    rescue NameError => e
      [nil, ON_HOSTS.include?(e.name) ? "#{NeedsHost}: needs a host" : describe(e)]
    rescue Exception => e # a lambda may do anything, also exit
      [nil, describe(e)]
    end

    # Return class and message of an error, without the excerpt that Ruby adds to it.
    def describe(error)
      message = error.respond_to?(:original_message) ? error.original_message : error.message
      message = message.lines.first.to_s if error.is_a?(NameError)
      text([error.class.name, message.chomp].uniq.join(": "))
    end

    def environment(names)
      names.map { |name| [name, ENV.key?(name) ? text(ENV.to_h[name]) : nil] }.to_h
    end

    # Return a value of Ruby as one of JSON; what JSON cannot say becomes {"ruby": "the class"}.
    def simple(value)
      case value
      when true, false, nil, Integer then value
      when Float then value.finite? ? value : value.to_s
      when String, Symbol, Pathname then text(value.to_s)
      when Array, Set then value.map { |item| simple(item) }
      when Hash then value.map { |key, item| [text(key.to_s), simple(item)] }.to_h
      else proxy(value) || { ruby: value.class.name }
      end
    end

    def proxy(value)
      return unless value.class.name.to_s.start_with?("Net::SSH::Proxy::")
      jumps, command = %i[@jump_proxies @command_line_template].map { |name| value.instance_variable_get(name) }
      jumps ? { proxy_jump: text(jumps) } : { proxy_command: text(command.to_s) }
    end

    def text(value)
      value.dup.force_encoding("UTF-8").scrub("?")
    end

    def servers
      @env.send(:servers).map { |server| describe_server(server) }
    end

    def describe_server(server)
      records = CapdoitExport.servers.select { |name, *| name == server.hostname }
      properties = server.properties.to_h.reject { |key, _| key == :roles }
      {
        hostname: server.hostname, user: server.user, port: server.port, roles: server.roles.map(&:to_s),
        is_local: server.local?, has_password: !server.password.nil?, keys: simple(server.keys),
        ssh_options: simple(server.ssh_options || {}), properties: simple(properties),
        places: records.map { |_, place, _| place }, variables: environment(records.flat_map(&:last).uniq)
      }
    end

    def tasks
      Rake.application.tasks.map do |task|
        actions = task.actions.reject { |action| action.source_location.to_a.first.to_s =~ INTERNAL }
        blocks = actions.map { |action| CapdoitExport.span(action) }.compact
        {
          name: task.name, description: task.full_comment && text(task.full_comment), arguments: task.arg_names.map(&:to_s),
          prerequisites: prerequisites(task), blocks: blocks, places: places(task)
        }
      end
    end

    # Return the full names of the tasks that a task depends on, without those that `before` puts there.
    def prerequisites(task)
      names = task.prerequisites.map { |name| full_name(name.to_s, task) }
      names - CapdoitExport.hooks.map { |kind, target, name, _| full_name(name, target) if kind == :before && target == task }
    end

    # Return the lines that declare a task.
    def places(task)
      task.locations.map { |line| line.match(/\A(.+?):(\d+)/) }.compact.map { |found| CapdoitExport.place(*found.captures) }
    end

    def hooks
      CapdoitExport.hooks.map do |kind, target, task, found|
        { kind: kind.to_s, target: target.name, task: full_name(task, target), place: found }
      end
    end

    # Return the full name of a task, as Rake finds it when the hook is called.
    def full_name(task, target)
      name = task.is_a?(Hash) ? task.keys.first : task
      found = name.is_a?(Rake::Task) ? name : Rake.application.lookup(name.to_s, target.scope)
      found ? found.name : name.to_s
    end

    # Return the libraries for Capistrano that were loaded, as the Capfile requires them: "capistrano/bundler".
    def features
      folders = $LOAD_PATH.map { |folder| File.join(folder.to_s, "") }.sort_by { |folder| -folder.length }
      $LOADED_FEATURES.grep(/capistrano/i).map do |file|
        folder = folders.find { |one| file.start_with?(one) }
        file.sub(folder.to_s, "").sub(/\.rb\z/, "")
      end
    end

    def umask
      SSHKit.config.umask if SSHKit.config.respond_to?(:umask)
    end

    # Return the commands that the project replaces, or puts others in front of.
    def commands
      CapdoitExport.commands.map do |(kind, name), place|
        { name: name, is_prefix: kind == "prefix", command: text(SSHKit.config.command_map[name.to_sym].to_s), place: place }
      end
    end
  end

  # Print what was declared when Capistrano ends, whether or not the stage could be loaded.
  def self.print_report
    failure = $!.respond_to?(:cause) && $!.cause || $!
    report = JSON.generate(Report.new(Capistrano::Configuration.env, failure).to_h)
    $stdout.flush
    STDOUT.write("\n#{ENV.to_h["CAPDOIT_MARK"]}\n#{report}\n#{ENV.to_h["CAPDOIT_MARK"]}\n")
    STDOUT.flush
  end
end

at_exit { CapdoitExport.print_report }
load ENV.to_h["CAPDOIT_CAPFILE"]
