#!/usr/bin/env bash
# A Ceph object gateway (S3) on loopback, for tests: one monitor, one disk of 4 GiB at most, no authentication between
# them. Root only, Debian's packages radosgw ceph-mon ceph-osd ceph-common.
#
#   scripts/ceph-rgw.sh start DIRECTORY   makes or starts it; prints the TEST_S3_… variables as `export` lines
#   scripts/ceph-rgw.sh stop DIRECTORY    stops it and removes the directory
#
# Exit codes: 0 done, 69 the packages are missing and cannot be installed here.
set -euo pipefail

action=${1:?start or stop}
home=$(realpath -m "${2:?directory}")
conf=$home/ceph.conf
access_key=SWITCHBOARDTEST
secret_key=switchboard-test-secret

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

install_packages() {
  for program in radosgw ceph-mon ceph-osd ceph python3; do
    command -v "$program" >/dev/null || missing=1
  done
  [ -z "${missing:-}" ] && return
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then return 69; fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || true
  apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd ceph-common python3 >&2 || return 69
}

write_conf() {
  local fsid=$1 mon_port=$2 port=$3
  cat >"$conf" <<X
[global]
fsid = $fsid
mon_host = v1:127.0.0.1:$mon_port
public_addr = 127.0.0.1
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = false
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_objectstore = bluestore
bluestore_block_size = 4294967296
bluestore_cache_size = 134217728
osd_memory_target = 939524096
run_dir = $home/run
admin_socket = $home/run/\$name.asok
pid_file = $home/run/\$name.pid
log_file = $home/log/\$name.log
mon_data = $home/mon/\$id
osd_data = $home/osd\$id
[mon.a]
mon_addr = 127.0.0.1:$mon_port
[client.rgw]
rgw_data = $home/rgw
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_enable_usage_log = false
rgw_thread_pool_size = 16
keyring = $home/keyring
X
}

start() {
  install_packages || { echo 'Ceph is not installed and cannot be installed here' >&2; exit 69; }
  export CEPH_CONF=$conf
  local first= port
  if [ ! -f "$conf" ]; then
    first=1
    mkdir -p "$home"/{mon,osd0,rgw,log,run}
    chmod 755 "$home"
    local fsid mon_port
    fsid=$(cat /proc/sys/kernel/random/uuid)
    mon_port=$(free_port)
    write_conf "$fsid" "$mon_port" "$(free_port)"
    : >"$home/keyring"
    monmaptool --create --clobber --fsid "$fsid" --addv a "v1:127.0.0.1:$mon_port" "$home/monmap" >/dev/null
    ceph-mon --mkfs -i a --monmap "$home/monmap" -c "$conf" --keyring /dev/null
  fi
  port=$(sed -n 's/^rgw_frontends.*:\([0-9]*\)$/\1/p' "$conf")
  ceph-mon -i a -c "$conf" >&2
  if [ -n "$first" ]; then
    local osd_uuid
    osd_uuid=$(cat /proc/sys/kernel/random/uuid)
    ceph osd new "$osd_uuid" >/dev/null
    ceph-osd -i 0 --mkfs --osd-uuid "$osd_uuid" -c "$conf" >/dev/null 2>&1
  fi
  ceph-osd -i 0 -c "$conf" >&2
  if [ -n "$first" ]; then
    ceph osd crush add osd.0 1.0 root=default host=local >/dev/null 2>&1
    radosgw-admin -n client.rgw user create --uid=switchboard --display-name=switchboard \
      --access-key=$access_key --secret-key=$secret_key >/dev/null 2>&1
  fi
  radosgw -n client.rgw -c "$conf" >&2
  for _ in $(seq 300); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
  done
  echo "export TEST_S3_ENDPOINT=http://127.0.0.1:$port"
  echo "export TEST_S3_ACCESS_KEY=$access_key"
  echo "export TEST_S3_SECRET_KEY=$secret_key"
}

stop() {
  local file pid
  for file in "$home"/run/client.rgw.pid "$home"/run/osd.0.pid "$home"/run/mon.a.pid; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 200); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
  done
  rm -rf "$home"
}

case $action in
  start) start ;;
  stop) stop ;;
  *)
    echo "unknown: $action" >&2
    exit 64
    ;;
esac
