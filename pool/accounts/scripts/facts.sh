# tell_facts: what this machine is, for label expressions, as a line before the last: "FACTS os=debian arch=x86_64 …", sizes in
# KiB. What can't be learnt is left empty: it is no reason to fail. Three processes (df, nproc, uname): this runs often.
tell_facts() {
  {
    os='' ram='' disk=''
    while IFS= read -r line; do
      case $line in ID=*) os=${line#*=} ;; esac
    done </etc/os-release
    read -r _ ram _ </proc/meminfo
    { read -r _ && read -r _ disk _; } <<END
$(df -Pk /)
END
    read -r kernel arch <<END
$(uname -rm)
END
    cpus=$(nproc)
  } 2>/dev/null
  printf '%s\n' "FACTS os=$os arch=$arch cpus=$cpus ram=$ram disk=$disk kernel=$kernel"
}
