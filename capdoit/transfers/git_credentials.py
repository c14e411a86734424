"""The credentials in repo_url: git gets them from its environment, because everyone can read its arguments.

git asks a program, its credential helper, for the user and the password of a site. The helper that is set here reads
them from environment variables, which only the user of the process can read.
"""

from __future__ import annotations

from collections.abc import Mapping

from capdoit.url_credentials import read_credentials

USER, PASSWORD = "CAPDOIT_GIT_USER", "CAPDOIT_GIT_PASSWORD"
# After `credential.helper=`, git asks no other helper of the site: another one could know another password, and would
# store this one.
ANSWER = f'printf "username=%s\\npassword=%s\\n" "${USER}" "${PASSWORD}"'
# A long name can be a token, or a user whose password another helper knows.
ASK_OTHERS = f'unset GIT_CONFIG_PARAMETERS; {{ cat; echo "username=${USER}"; }} | git credential fill 2>/dev/null'
HELPER = (
    f'!f() {{ [ "$1" = get ] || exit 0; if [ -z "${{{PASSWORD}+set}}" ]; then {ASK_OTHERS} && exit; fi; {ANSWER}; }}; f'
)


def make_credential_environment(repo_url: str) -> Mapping[str, str]:
    """Return the environment variables with which git finds the credentials in a URL; empty if it has none.

    The settings are for the site of the URL only. If that redirects to another site, git does not send them there.
    """
    credentials = read_credentials(repo_url)
    if not credentials:
        return {}
    site = credentials.site
    settings = {
        f"credential.{site}.helper": ("", HELPER),
        # With the user in the URL, git asks for the password before it connects, instead of trying ~/.netrc.
        f"http.{site}.emptyAuth": ("true",),
    }
    # The variable in which `git -c` passes settings on. GIT_CONFIG_COUNT is younger: git 2.31.
    parameters = " ".join(f"'{name}={value}'" for name, values in settings.items() for value in values)
    password = {} if credentials.password is None else {PASSWORD: credentials.password}
    return {"GIT_CONFIG_PARAMETERS": parameters, USER: credentials.user, **password}
