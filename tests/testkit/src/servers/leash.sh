# Runs a server until it ends or standard input does. Standard input is a pipe whose other end only
# the test process has, so the server goes when that process does, even if that is killed.
#
# usage: leash.sh FOLDER PROGRAM [ARGUMENT...]
#
# FOLDER is removed once the server was ended from outside, unless the pipe said `keep`. It stays if
# the server ended by itself: then its log tells why.
folder=$1
shift
# Ctrl-C reaches all processes of the terminal. The test process ends of it, and then this.
trap '' INT
exec 3<&0 </dev/null

"$@" 3<&- &
server=$!
{
    read -r word <&3
    [ "$word" = keep ] || : >"$folder/.unwanted"
    : >"$folder/.released"
    kill -KILL "$server"
} &
watch=$!

wait "$server"
status=$?
[ -e "$folder/.released" ] || kill -KILL "$watch" 2>/dev/null
[ ! -e "$folder/.unwanted" ] || rm -rf -- "$folder"
exit "$status"
