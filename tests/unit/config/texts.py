"""Parts of deploy.yml, and the types of the fixtures that read it."""

from __future__ import annotations

from collections.abc import Callable

from capdoit.config.deploy_file import Config

Read = Callable[[str], Config]
Mistakes = Callable[[str], list[str]]

STAGES = "stages: {production: {hosts: {web1: {}}}}\n"
NEEDED = "application: shop\nrepo_url: git@git.example.com:shop.git\n"  # two lines: a mistake is in line 3
