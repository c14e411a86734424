"""Parts of deploy.yml."""

from __future__ import annotations

STAGES = "stages: {production: {hosts: {web1: {}}}}\n"
NEEDED = "application: shop\nrepo_url: git@git.example.com:shop.git\n"  # two lines: a mistake is in line 3
