"""The recipe wordpress with the real PHP: a site with uploads, and a cache that outlives requests.

wp-cli and a persistent cache of WordPress cannot be installed from Debian. The site is a page of a few lines with a
cache in a file, and its `wp` is a script of PHP that knows `cache flush`.
"""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.real
WP = """\
#!/usr/bin/env php
<?php
if (array_slice($argv, 1) !== ['cache', 'flush']) {
    fwrite(STDERR, "Error: '{$argv[1]}' is not a registered wp command.\\n");
    exit(1);
}
if (is_file('wp-content/uploads/cache')) {
    unlink('wp-content/uploads/cache');
}
echo "Success: The cache was flushed.\\n";
"""
PAGE = """\
<?php
$cache = 'wp-content/uploads/cache';
is_file($cache) || file_put_contents($cache, '%s with ' . implode(' and ', glob('wp-content/uploads/*.jpg')));
readfile($cache);
"""


def page(site: Any) -> str:
    run = ["php", "index.php"]
    current = site.host().deploy_to / "current"
    return subprocess.run(run, cwd=current, capture_output=True, text=True, check=True).stdout


def test_each_release_is_served_with_the_uploads_and_without_the_cache_of_another(stage: Any) -> None:
    files = {"wp": WP, "index.php": PAGE % "first"}
    site = stage(hosts=1, recipes={"wordpress": {"command": ["./wp"]}}, files=files)
    site.deploy().ok()
    assert page(site) == "first with "
    (site.host().shared / "wp-content/uploads/tea.jpg").touch()
    site.commit({"index.php": PAGE % "second"})
    assert "Success: The cache was flushed." in site.deploy().ok().out
    assert page(site) == "second with wp-content/uploads/tea.jpg"
    site.rollback().ok()
    assert page(site) == "first with wp-content/uploads/tea.jpg"
    done = site.doit("wordpress.wp:production", "--", "tea").failed()
    assert "Error: 'tea' is not a registered wp command." in done.out
    site.assert_healthy()
