"""Projects of many shapes: what the user's own Capistrano says of them becomes deploy.yml and dodo.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.integration.capistrano.conversions import INSTALLED, Converted, convert, copy_project, write_project


def hosts_of(converted: Converted, stage: str = "production") -> dict[str, tuple[str, ...]]:
    return {host.name: host.roles for host in converted.config.stages[stage].hosts}


def assert_recipes(converted: Converted, *names: str) -> None:
    """Check that each recipe is used if it is installed, and is in the list of what is missing if not."""
    used = converted.recipes()
    assert {*used} == {*names} & INSTALLED
    for name in {*names} - INSTALLED:
        assert f"no recipe {name} is installed" in converted.out


def test_a_rails_application_with_assets_yarn_and_sidekiq(tmp_path: Path) -> None:
    env = {"SLACK_WEBHOOK": "https://hooks.example.com/very-secret"}
    converted = convert(copy_project("rails", tmp_path), env=env)

    production, staging = (converted.config.stages[name] for name in ("production", "staging"))
    assert {host.layout.deploy_to for host in production.hosts} == {"/srv/shop_production"}
    assert {host.layout.deploy_to for host in staging.hosts} == {"/srv/shop_staging"}
    assert production.transfer_settings["branch"] == "release"
    asked = "branch: !ask {default: !current }  # Capistrano asks for it (config/deploy.rb:5); branch= answers"
    assert f"    {asked}\n" in converted.deploy
    assert production.linked_files == ("config/database.yml", "config/master.key")
    assert {"log", "tmp/pids", "public/uploads"} <= {*production.linked_dirs}
    assert 'default_env: {path: "/opt/ruby/bin:$PATH", MAILER_KEY: !env MAILER_KEY}' in converted.deploy
    assert hosts_of(converted) == {
        "web1.example.com": ("app", "web"),
        "web2.example.com": ("app", "web"),
        "db1.example.com": ("db", "worker"),
    }
    assert [(host.user, host.port, host.primary) for host in production.hosts] == [
        ("deploy", None, True),
        ("deploy", None, False),
        ("deploy", 2222, False),
    ]
    assert "\n# default_stage: staging  # for commands without a stage\n" in converted.deploy

    assert_recipes(converted, "runtime", "bundler", "node", "rails", "systemd", "sidekiq", "cron")
    used = converted.recipes()
    assert used["bundler"] == {"without": ["development", "test", "ci"]}
    assert used["node"] == {"build": [], "dev_dependencies": "omit", "directory": "client"}
    assert used["rails"] == {"keep_assets": 2, "conditionally_migrate": True, "rails_env": "production"}
    assert used["systemd"] == {"units": ["shop_puma_production.service"], "roles": ["web"]}
    if "sidekiq" in INSTALLED:
        unit = {"units": ["shop_sidekiq_production.service"], "user_units": True, "roles": ["worker"]}
        assert used["sidekiq"] == unit
    assert used["cron"] == {
        "command": ["bundle", "exec", "whenever", "--set", "environment=production"],
        "roles": ["db"],
    }
    keys = "honeybadger_key: !env HONEYBADGER_API_KEY, url: !env SLACK_WEBHOOK"
    assert f"# notify: {{{keys}}}" in converted.deploy
    assert "very-secret" not in converted.deploy + converted.dodo + converted.out

    assert "config/deploy.rb:13: set :bundle_binstubs: the recipe bundler has no such option" in converted.out
    assert "linked_dirs: public/uploads/tmp: it is inside another linked directory" in converted.out
    assert 'config/deploy.rb:26: task deploy:clear_cache: after("publishing")' in converted.out
    assert '@cap.after("publishing", roles="web"' in converted.dodo
    assert '@cap.before("starting", once=True)\n@capdoit.todo("config/deploy.rb:22")' in converted.dodo
    assert '    #       execute :rake, "cache:clear"' in converted.dodo
    assert "deploy.yml and dodo.py load: production (3 hosts), staging (1 host)" in converted.out
    assert "deploy:production:clear_cache" in converted.tasks()


class Cloud(BaseHTTPRequestHandler):
    """An API that lists hosts."""

    def do_GET(self) -> None:
        found = [
            {"address": "10.0.0.1", "roles": ["web"], "zone": "a"},
            {"address": "10.0.0.2", "roles": ["web", "db"], "zone": "b"},
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def cloud() -> Iterator[str]:
    """Yield the URL of an API that lists hosts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_rails_application_on_hosts_that_an_api_lists(tmp_path: Path, cloud: str) -> None:
    env = {"CLOUD_API": cloud, "DEPLOY_USER": "ann", "no_proxy": "127.0.0.1"}
    converted = convert(copy_project("cloud", tmp_path), env=env)
    assert hosts_of(converted) == {"10.0.0.1": ("web",), "10.0.0.2": ("web", "db")}
    assert "# code computes the servers (config/deploy/production.rb:2)" in converted.deploy
    assert "user: !env DEPLOY_USER" in converted.deploy
    assert "branch: main" in converted.deploy
    assert_recipes(converted, "bundler", "rails", "passenger")


@pytest.mark.extended("variant")
def test_an_api_that_does_not_answer_leaves_an_example_host(tmp_path: Path) -> None:
    env = {"CLOUD_API": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"}
    converted = convert(copy_project("cloud", tmp_path), env=env)
    assert "stage production: it could be loaded only in part: Errno::ECONNREFUSED" in converted.out
    assert "# No server could be read for this stage" in converted.deploy
    assert {*hosts_of(converted)} == {"production1"}


@pytest.mark.extended("variant")
def test_a_laravel_application(tmp_path: Path) -> None:
    converted = convert(copy_project("laravel", tmp_path))
    stage = converted.config.stages["production"]
    assert (stage.hosts[0].layout.deploy_to, stage.keep_releases) == ("/var/www/blog", 3)
    assert (stage.linked_files, stage.linked_dirs) == ((".env",), ("storage",))
    assert_recipes(converted, "composer", "laravel")
    if "composer" in INSTALLED:
        assert converted.recipes()["composer"]["flags"] == ["--no-dev", "--no-interaction"]
    assert '@cap.after("published", roles="web")\n@capdoit.todo("config/deploy.rb:12")' in converted.dodo
    assert "def artisan_run(" in converted.dodo


@pytest.mark.extended("variant")
def test_a_symfony_application(tmp_path: Path) -> None:
    converted = convert(copy_project("symfony", tmp_path))
    stages = converted.config.stages
    assert hosts_of(converted) == {"app1.example.com": ("app", "web", "db"), "app2.example.com": ("app",)}
    assert {(host.user, host.port) for host in stages["production"].hosts} == {("deploy", 2200)}
    assert set(stages["production"].hosts[0].ssh_options) == {"IdentityFile=~/.ssh/portal", "IdentitiesOnly=yes"}
    assert_recipes(converted, "composer", "symfony")
    assert "ssh option verify_host_key: capdoit always checks host keys" in converted.out
    assert "password of stage.example.com: capdoit logs in with keys only" in converted.out
    assert "hunter2" not in converted.deploy + converted.dodo + converted.out
    assert '@cap.after("updated", roles="db", primary=True)' in converted.dodo
    assert "deploy:cleanup" not in converted.out


@pytest.mark.extended("variant")
def test_a_wordpress_site(tmp_path: Path) -> None:
    converted = convert(copy_project("wordpress", tmp_path))
    stage = converted.config.stages["production"]
    assert stage.linked_files == ("wp-config.php", ".htaccess")
    assert stage.linked_dirs == ("wp-content/uploads",)
    assert (stage.hosts[0].layout.deploy_to, stage.transfer_settings["branch"]) == ("/var/www/site", "main")
    assert stage.vars["local_url"] == "http://site.test"
    assert "  db_password: !env DB_PASSWORD\n" in converted.deploy
    assert "set :db_password: it looks like a secret and is not written" in converted.out
    assert "correct horse" not in converted.deploy + converted.dodo + converted.out
    assert "def db_pull(" in converted.dodo


@pytest.mark.extended("variant")
def test_a_node_application(tmp_path: Path) -> None:
    converted = convert(copy_project("node", tmp_path))
    assert {*hosts_of(converted)} == {"chat-a.example.com", "chat-b.example.com"}
    assert converted.config.stages["production"].linked_dirs == ("logs",)
    assert "linked_dirs: node_modules: the recipe node installs modules for each release" in converted.out
    assert_recipes(converted, "node", "runtime")
    tasks = converted.tasks()
    assert tasks.index("deploy:production:pm2_reload") < tasks.index("deploy:production:pm2_save")
    assert "def pm2_reload_on_failed(failure):" in converted.dodo


@pytest.mark.extended("variant")
def test_a_static_site_whose_files_are_elsewhere(tmp_path: Path) -> None:
    converted = convert(copy_project("static", tmp_path))
    stage = converted.config.stages["production"]
    assert (stage.keep_releases, stage.transfer_settings["repo_tree"]) == (2, "public")
    assert "deploy/deploy.rb:6: set :current_directory: the directories on hosts have fixed names" in converted.out
    assert '@cap.before("updating", once=True)\n@capdoit.todo("deploy/deploy.rb:10")' in converted.dodo
    assert "def failed(failure):" in converted.dodo


@pytest.mark.extended("variant")
def test_a_django_application(tmp_path: Path) -> None:
    folder = copy_project("django", tmp_path)
    (folder / ".env").write_text("SECRET_KEY=x")
    converted = convert(folder)
    assert converted.config.stages["production"].linked_sources == {".env": folder / ".env"}
    assert_recipes(converted, "python", "django")
    used = converted.recipes()
    assert used["python"] == {"requirements": "requirements/production.txt"}
    assert used["django"] == {"settings": "survey.settings.production", "migration_roles": ["web"]}
    assert converted.config.stages["production"].hosts[0].port == 2022
    assert "recipe supervisor restarts programs" in converted.dodo


def test_servers_behind_one_address_keep_it_as_their_names(tmp_path: Path) -> None:
    stage = """
server "127.0.0.1:2201", user: "ann", roles: %w[web]
server "ann@127.0.0.1:2202", roles: %w[db]
server "deploy@db.example.com:2222", roles: %w[db]
"""
    found = convert(write_project(tmp_path / "shop", production=stage)).config.stages["production"].hosts
    assert {host.name: (host.user, host.hostname, host.port) for host in found} == {
        "127.0.0.1:2201": ("ann", "127.0.0.1", 2201),
        "127.0.0.1:2202": ("ann", "127.0.0.1", 2202),
        "db.example.com": ("deploy", "db.example.com", 2222),
    }
