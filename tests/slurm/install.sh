#!/usr/bin/env bash
# SLURM and munge for the tests on a real scheduler: already there, or from Debian or Ubuntu.
set -euo pipefail
missing=()
for program in slurmctld slurmd munged; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0
refuse() {
	echo "error: ${missing[*]} missing: $1" >&2
	exit 1
}
[ "$(id -u)" -eq 0 ] || refuse "become root, or have slurmctld, slurmd, slurm-client and munge installed"
command -v apt-get >/dev/null || refuse "install SLURM and munge with this system's package manager"
export DEBIAN_FRONTEND=noninteractive
packages=(slurmctld slurmd slurm-client munge)
echo "Installing ${packages[*]} for the tests, by apt-get"
# The tests start daemons of their own: those of the packages shall not start.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=300)
apt-get "${options[@]}" install "${packages[@]}" >/dev/null 2>&1 || {
	apt-get -qq update && apt-get "${options[@]}" install "${packages[@]}"
}
