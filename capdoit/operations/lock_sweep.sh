# shellcheck shell=sh
# What a flow or a drill that died left behind goes, which may take a while; what stays is not in the way.
fenced
sweep || :
touch .capdoit/lock # what is swept away may have been links to files of releases, whose times of change it moved
