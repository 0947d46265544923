#!/bin/sh
# The main process of the image's target `scheduler`: cron, with a way for its jobs to the container's log, and an orderly
# end. On SIGTERM no job starts any more, those that run are told to stop, and are waited for: they settle what is in
# flight, release the rest and exit within 25 s, so give the container 40 (stop_grace_period).
set -eu

say=/run/socialcron/log
mkdir -p "${say%/*}"  # not in a directory like /tmp, where the kernel protects other people's pipes from >>
rm -f "$say"
mkfifo -m 622 "$say"
cat <>"$say" &  # reads and writes, so that it never sees the end of it

cron -f &
cron=$!

stop() {
    kill "$cron"
    # Everything that runs as socialcron, and nothing else: this is its container.
    setpriv --reuid socialcron --regid socialcron --clear-groups sh -c 'kill -TERM -1' || true
    while grep -qs "^Uid:[[:space:]]$(id -u socialcron)[[:space:]]" /proc/[0-9]*/status; do
        sleep 0.2
    done
    exit 0
}
trap stop TERM INT
wait "$cron"
