# One removal. After fence.sh and remove.sh. stdin: UID NAME MARK. Last line: "CLEAN name uid".
read -r uid name mark || fail failed "no parameters"
remove "$name" "$uid" "$mark"
