# RabbitMQ nodes for `tests/run`, which sources this file: one node, or several that are one cluster, of the version
# that this machine's packages have or of RabbitMQ 4 in a Debian 13 of its own.
#
# Every node has a folder `$services/node<N>`:
#   boot          starts the node; a test may call it again after the node was stopped or killed
#   rabbitmqctl   administers the node
#   launcher      process id of what the last boot started
#   broker/       what the node owns: pid, configuration, log, data (mnesia)
# shellcheck shell=bash disable=SC2154

# The Debian 13 that holds RabbitMQ 4; kept between runs.
debian_13() {
  echo "${MUSTER_TEST_DEBIAN_13:-${XDG_CACHE_HOME:-${HOME:-$temporary}/.cache}/muster/debian-13-rabbitmq}"
}

broker_server() {
  local found
  if [ "$broker_version" = 4 ]; then
    echo /usr/lib/rabbitmq/bin/rabbitmq-server # inside the Debian 13
    return
  fi
  for found in /usr/lib/rabbitmq/bin/rabbitmq-server /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server \
    "$(command -v rabbitmq-server || true)"; do
    [ -x "$found" ] && echo "$found" && return
  done
  return 1
}

epmd_command() {
  local found
  for found in "$(command -v epmd || true)" /usr/lib/erlang/bin/epmd /usr/lib/erlang/erts-*/bin/epmd; do
    [ -x "$found" ] && echo "$found" && return
  done
  return 1
}

# Installs RabbitMQ 4 into a Debian 13 of its own, once.
prepare_debian_13() {
  local root log cache
  root=$(debian_13)
  cache=$(dirname "$root")
  mkdir -p "$cache"
  exec 9>"$cache/debian-13-rabbitmq.lock"
  flock 9
  if [ ! -e "$root/complete" ]; then
    [ "$(id -u)" = 0 ] || fail "RabbitMQ 4 is installed and run in a Debian 13 of its own, which needs root"
    say "installing RabbitMQ 4 into $root"
    rm -rf "$root"
    log=$(mktemp "$temporary/muster-install.XXXXXX")
    # Without devices the packages of the server cannot be configured; both mounts end with the command.
    if ! { in_foreground debootstrap --variant=minbase trixie "$root" 9>&- &&
      printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d" &&
      in_foreground "${inside_debian_13[@]}" "$root" / 0:0 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends rabbitmq-server 9>&-; } >"$log" 2>&1 </dev/null; then
      tail -n 30 "$log" >&2
      rm -rf "$log" "$root"
      fail "debootstrap and apt-get could not install RabbitMQ 4"
    fi
    rm -f "$log"
    touch "$root/complete"
  fi
  exec 9>&-
}

# Runs a command in the Debian 13: root, folder that it sees at its own place, account, command. The mounts belong to
# the command's own namespace and end with it.
# shellcheck disable=SC2016
inside_debian_13=(unshare --mount --propagation private sh -c '
  root=$0 folder=$1 account=$2
  shift 2
  mount --rbind /dev "$root/dev" && mount --rbind /proc "$root/proc" && mount -t tmpfs tmpfs "$root/tmp" || exit
  if [ "$folder" != / ]; then
    mkdir -p "$root$folder" && mount --rbind "$folder" "$root$folder" || exit
  fi
  exec chroot --userspec="$account" --groups="${account#*:}" "$root" "$@"')

create_certificates() {
  local folder=$1
  printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth' >"$folder/server.ext"
  # Errors end a list in a condition only through `&&`.
  { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '/CN=Muster test CA' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
    -keyout "$folder/ca.key" -out "$folder/ca.pem" &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=localhost' \
      -keyout "$folder/server.key" -out "$folder/server.csr" &&
    openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
      -days 30 -extfile "$folder/server.ext" -out "$folder/server.pem" &&
    chmod 644 "$folder/ca.pem" "$folder/server.pem" "$folder/server.key"; } >"$folder/openssl.log" 2>&1 ||
    fail "openssl could not make certificates: $(tail -n 3 "$folder/openssl.log")"
}

# Writes the folder of a node: number, and the first node of the cluster that it joins when it first boots.
make_node() {
  local number=$1 seed=$2 node=$services/node$1 server amqp tls management run
  local broker=$node/broker
  server=$(broker_server) || fail "rabbitmq-server is missing"
  mkdir -p "$node"
  service_folder "node$number/broker" rabbitmq
  take_port && amqp=$port
  take_port && tls=$port
  take_port && management=$port
  take_port # the distribution's
  mkdir -p "$broker/home" "$broker/log" "$broker/mnesia"
  cat >"$broker/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$amqp
listeners.ssl.1 = 127.0.0.1:$tls
ssl_options.cacertfile = $services/tls/ca.pem
ssl_options.certfile = $services/tls/server.pem
ssl_options.keyfile = $services/tls/server.key
ssl_options.verify = verify_none
management.tcp.ip = 127.0.0.1
management.tcp.port = $management
collect_statistics_interval = 500
disk_free_limit.absolute = 64MB
CONF
  if [ -n "$seed" ]; then
    printf '%s\n' 'cluster_formation.peer_discovery_backend = classic_config' \
      "cluster_formation.classic_config.nodes.1 = $seed" \
      "cluster_formation.classic_config.nodes.2 = test$number@localhost" >>"$broker/rabbitmq.conf"
  fi
  echo '[rabbitmq_management].' >"$broker/enabled_plugins"
  # Nodes and tools that know the same cookie may talk.
  echo "$cookie" >"$broker/home/.erlang.cookie"
  chmod 400 "$broker/home/.erlang.cookie"
  # What both the server and its tools need to see; the home folder decides the Erlang cookie.
  local environment=(LANG=C.UTF-8 HOME="$broker/home" RABBITMQ_NODENAME="test$number@localhost"
    RABBITMQ_NODE_PORT="$amqp" RABBITMQ_DIST_PORT="$port" ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1
    RABBITMQ_CONFIG_FILE="$broker/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$broker/enabled_plugins"
    RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_MNESIA_BASE="$broker/mnesia" RABBITMQ_LOG_BASE="$broker/log"
    RABBITMQ_PID_FILE="$broker/pid")
  if [ "$(stat -c %U "$broker")" != "$(id -un)" ]; then chown -R rabbitmq:rabbitmq "$broker"; fi
  if [ "$broker_version" = 4 ]; then
    run=("${inside_debian_13[@]}" "$(debian_13)" "$services" "$(stat -c %u:%g "$broker")"
      env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "${environment[@]}")
  elif [ "$(stat -c %U "$broker")" != "$(id -un)" ]; then
    run=(setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups env -i PATH="$PATH" "${environment[@]}")
  else
    run=(env -i PATH="$PATH" "${environment[@]}")
  fi
  printf '#!/bin/sh\ncd %q && exec%s "$@"\n' "$broker" \
    "$(printf ' %q' "${run[@]}" "$(dirname "$server")/rabbitmqctl")" >"$node/rabbitmqctl"
  # Its own session: Ctrl-C on this script must not reach it before the tests have ended. The words are quoted for
  # bash: some have several lines.
  printf '#!/bin/bash\nset -eu\nrm -f %q\ncd %q\nsetsid%s >>%q 2>&1 </dev/null &\necho $! >%q\n' \
    "$broker/pid" "$broker" "$(printf ' %q' "${run[@]}" "$server")" "$node/broker.out" "$node/launcher" >"$node/boot"
  sed -i '1s|/bin/sh|/bin/bash|' "$node/rabbitmqctl"
  chmod 755 "$node/rabbitmqctl" "$node/boot"
  echo "$amqp $tls $management" >"$node/ports"
}

# Makes so many nodes and boots the first one; `wait_for_broker` boots the others.
start_broker() {
  local nodes=$1 number
  mkdir -p "$services/tls"
  create_certificates "$services/tls"
  take_port && epmd_port=$port
  echo "$epmd_port" >"$services/epmd"
  cookie=$(openssl rand -hex 16)
  for ((number = 1; number <= nodes; number++)); do
    make_node "$number" "$([ "$number" = 1 ] || echo test1@localhost)"
  done
  "$services/node1/boot"
  local amqp tls management
  read -r amqp tls management <"$services/node1/ports"
  export_variable MUSTER_TEST_AMQP_URL "amqp://guest:guest@127.0.0.1:$amqp"
  export_variable MUSTER_TEST_AMQP_MANAGEMENT_URL "http://guest:guest@127.0.0.1:$management"
  export_variable MUSTER_TEST_AMQPS_URL "amqps://guest:guest@localhost:$tls"
  export_variable MUSTER_TEST_AMQPS_CA_FILE "$services/tls/ca.pem"
  export_variable MUSTER_TEST_RABBITMQCTL "$services/node1/rabbitmqctl"
  [ "$broker_version" != 4 ] || export_variable MUSTER_TEST_DEBIAN_13 "$(debian_13)"
  # The folders of the nodes, for tests that stop and start them.
  export_variable MUSTER_TEST_BROKER_NODES "$(printf '%s ' "$services"/node*)"
}

# Whether a node's management plugin answers and both AMQP listeners accept.
node_ready() {
  local answer p ports
  read -r -a ports <"$1/ports"
  for p in "${ports[@]}"; do
    (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || return 1
  done
  answer=$( (
    exec 3<>"/dev/tcp/127.0.0.1/${ports[2]}"
    printf 'GET /api/vhosts HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n' >&3
    read -r -t 5 line <&3 && echo "$line"
  ) 2>/dev/null) || return 1
  [[ $answer == *' 200 '* ]]
}

wait_for_node() {
  local node=$1 deadline=$((SECONDS + 180))
  until node_ready "$node"; do
    if ! alive "$(cat "$node/launcher")" || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 30 "$node/broker.out" "$node"/broker/log/*.log >&2 2>/dev/null || true
      fail "RabbitMQ did not start"
    fi
    sleep 0.3
  done
}

# Waits for the first node; then boots the others, which join it.
wait_for_broker() {
  local nodes=$1 number
  wait_for_node "$services/node1"
  for ((number = 2; number <= nodes; number++)); do "$services/node$number/boot"; done
  for ((number = 2; number <= nodes; number++)); do wait_for_node "$services/node$number"; done
}

# Stops every node of a services folder, all at a time.
stop_broker() {
  local folder=$1 node stopping=()
  for node in "$folder"/node*; do
    [ -d "$node/broker" ] || continue
    # The pid file is there only when the node is up; the launching shell hands on a TERM at any time.
    (
      stop_process "$node/broker" "$node/broker/pid" TERM
      stop_process "$node/broker" "$node/launcher" TERM
    ) &
    stopping+=($!)
  done
  [ ${#stopping[@]} = 0 ] || wait "${stopping[@]}" || true
  [ ! -s "$folder/epmd" ] || stop_epmd "$(cat "$folder/epmd")"
}

stop_epmd() {
  local command root
  root=$(debian_13)
  if command=$(epmd_command); then
    ERL_EPMD_PORT=$1 "$command" -kill >/dev/null 2>&1 || true
  elif [ -e "$root/complete" ]; then
    "${inside_debian_13[@]}" "$root" / 0:0 env ERL_EPMD_PORT="$1" /usr/bin/epmd -kill >/dev/null 2>&1 || true
  fi
}
