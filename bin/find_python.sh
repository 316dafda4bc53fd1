# Sourced by bin/run and bin/test; sets $python, or says in one sentence what is missing and ends with 1.
# A name on PATH may be a shim without a Python behind it, or closed to this user: whatever does not answer is passed over.

find_python() {
    too_old= without_venv=
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        python=$(command -v "$name" 2>/dev/null) || continue
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null) || continue
        if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null; then
            too_old="Python $version ($python)"
        elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null </dev/null; then
            without_venv="${without_venv:-Python $version ($python)}"
            venv_package="${venv_package:-python$version-venv}"
        else
            return 0
        fi
    done
    if [ -n "$without_venv" ]; then
        echo "Paper Round needs Python's venv module, which $without_venv lacks: install it (Debian, Ubuntu: apt-get install $venv_package) and start again." >&2
    elif [ -n "$too_old" ]; then
        echo "Paper Round needs Python 3.11 or newer, and the newest on PATH is $too_old: install one (Debian, Ubuntu: apt-get install python3 python3-venv) and start again." >&2
    else
        echo "Paper Round needs Python 3.11 or newer, and none is on PATH: install it (Debian, Ubuntu: apt-get install python3 python3-venv) and start again." >&2
    fi
    exit 1
}
