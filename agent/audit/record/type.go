package record

import "strconv"

// Type is the kind of a record: the netlink message type of <linux/audit.h>
// for what the kernel writes and of <libaudit.h> (audit 3.0) for what programs
// write. Zero is a type whose name this build does not know.
type Type uint16

// The types that have a meaning in this project, by their published numbers.
const (
	Login           Type = 1006 // LOGIN
	UserAuth        Type = 1100 // USER_AUTH
	UserAcct        Type = 1101 // USER_ACCT
	UserMgmt        Type = 1102 // USER_MGMT
	CredAcq         Type = 1103 // CRED_ACQ
	CredDisp        Type = 1104 // CRED_DISP
	UserStart       Type = 1105 // USER_START
	UserEnd         Type = 1106 // USER_END
	UserChauthtok   Type = 1108 // USER_CHAUTHTOK
	UserErr         Type = 1109 // USER_ERR
	CredRefr        Type = 1110 // CRED_REFR
	UserLogin       Type = 1112 // USER_LOGIN
	UserLogout      Type = 1113 // USER_LOGOUT
	AddUser         Type = 1114 // ADD_USER
	DelUser         Type = 1115 // DEL_USER
	AddGroup        Type = 1116 // ADD_GROUP
	DelGroup        Type = 1117 // DEL_GROUP
	ChangeGroupID   Type = 1119 // CHGRP_ID
	TrustedApp      Type = 1121 // TRUSTED_APP
	UserCmd         Type = 1123 // USER_CMD
	ChangeUserID    Type = 1125 // CHUSER_ID
	GrpAuth         Type = 1126 // GRP_AUTH
	ServiceStart    Type = 1130 // SERVICE_START
	ServiceStop     Type = 1131 // SERVICE_STOP
	GrpMgmt         Type = 1132 // GRP_MGMT
	GrpChauthtok    Type = 1133 // GRP_CHAUTHTOK
	AcctLock        Type = 1135 // ACCT_LOCK
	AcctUnlock      Type = 1136 // ACCT_UNLOCK
	DaemonStart     Type = 1200 // DAEMON_START
	DaemonEnd       Type = 1201 // DAEMON_END
	DaemonAbort     Type = 1202 // DAEMON_ABORT
	DaemonConfig    Type = 1203 // DAEMON_CONFIG
	DaemonResume    Type = 1206 // DAEMON_RESUME
	Syscall         Type = 1300 // SYSCALL
	Path            Type = 1302 // PATH
	ConfigChange    Type = 1305 // CONFIG_CHANGE
	Sockaddr        Type = 1306 // SOCKADDR
	CWD             Type = 1307 // CWD
	Execve          Type = 1309 // EXECVE
	FDPair          Type = 1317 // FD_PAIR
	ObjPID          Type = 1318 // OBJ_PID
	TTY             Type = 1319 // TTY
	EOE             Type = 1320 // EOE
	BPRMFCaps       Type = 1321 // BPRM_FCAPS
	Capset          Type = 1322 // CAPSET
	Mmap            Type = 1323 // MMAP
	NetfilterCfg    Type = 1325 // NETFILTER_CFG
	Seccomp         Type = 1326 // SECCOMP
	Proctitle       Type = 1327 // PROCTITLE
	FeatureChange   Type = 1328 // FEATURE_CHANGE
	KernModule      Type = 1330 // KERN_MODULE
	TimeInjoffset   Type = 1332 // TIME_INJOFFSET
	TimeAdjntpval   Type = 1333 // TIME_ADJNTPVAL
	BPF             Type = 1334 // BPF
	EventListener   Type = 1335 // EVENT_LISTENER
	Openat2         Type = 1337 // OPENAT2
	AVC             Type = 1400 // AVC
	AnomPromiscuous Type = 1700 // ANOM_PROMISCUOUS
	AnomAbend       Type = 1701 // ANOM_ABEND
	MACStatus       Type = 1404 // MAC_STATUS
	CryptoTestUser  Type = 2400 // CRYPTO_TEST_USER
)

// Ranges of types, <linux/audit.h>.
const (
	firstUser, lastUser     Type = 1100, 1199 // AUDIT_FIRST_USER_MSG, AUDIT_LAST_USER_MSG
	firstDaemon, lastDaemon Type = 1200, 1299 // written by auditd itself
	firstUser2, lastUser2   Type = 2100, 2999 // AUDIT_FIRST_USER_MSG2, AUDIT_LAST_USER_MSG2
)

// String returns the name as auditd writes it, "UNKNOWN[1234]" for a number
// without a name.
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "UNKNOWN[" + strconv.Itoa(int(t)) + "]"
}

// FromUser reports whether a program wrote the record, through the kernel.
// Such a record is an event by itself.
func (t Type) FromUser() bool {
	return t >= firstUser && t <= lastUser || t >= firstUser2 && t <= lastUser2
}

// FromDaemon reports whether auditd itself wrote the record. Such a record is
// an event by itself, and its serial number is auditd's own, not the kernel's.
func (t Type) FromDaemon() bool { return t >= firstDaemon && t <= lastDaemon }

// ParseType reads a type as logs spell it: "SYSCALL", "UNKNOWN[1334]" or
// "1400". It reports false for anything else.
func ParseType(text []byte) (Type, bool) {
	switch string(text) { // the records of an exec and of a file change
	case "SYSCALL":
		return Syscall, true
	case "EXECVE":
		return Execve, true
	case "CWD":
		return CWD, true
	case "PATH":
		return Path, true
	case "PROCTITLE":
		return Proctitle, true
	}
	if t, ok := typeNumbers[string(text)]; ok {
		return t, true
	}
	const prefix = "UNKNOWN["
	if n := len(text); n > len(prefix) && string(text[:len(prefix)]) == prefix && text[n-1] == ']' {
		text = text[len(prefix) : n-1]
	}
	n, rest, ok := digits(text)
	if !ok || len(rest) != 0 || n > 1<<16-1 {
		return 0, false
	}
	return Type(n), true
}

var typeNumbers = func() map[string]Type {
	numbers := make(map[string]Type, len(typeNames))
	for t, name := range typeNames {
		numbers[name] = t
	}
	return numbers
}()

var typeNames = map[Type]string{
	1000: "GET",
	1001: "SET",
	1002: "LIST",
	1003: "ADD",
	1004: "DEL",
	1005: "USER",
	1006: "LOGIN",
	1007: "WATCH_INS",
	1008: "WATCH_REM",
	1009: "WATCH_LIST",
	1010: "SIGNAL_INFO",
	1011: "ADD_RULE",
	1012: "DEL_RULE",
	1013: "LIST_RULES",
	1014: "TRIM",
	1015: "MAKE_EQUIV",
	1016: "TTY_GET",
	1017: "TTY_SET",
	1018: "SET_FEATURE",
	1019: "GET_FEATURE",
	1100: "USER_AUTH",
	1101: "USER_ACCT",
	1102: "USER_MGMT",
	1103: "CRED_ACQ",
	1104: "CRED_DISP",
	1105: "USER_START",
	1106: "USER_END",
	1107: "USER_AVC",
	1108: "USER_CHAUTHTOK",
	1109: "USER_ERR",
	1110: "CRED_REFR",
	1111: "USYS_CONFIG",
	1112: "USER_LOGIN",
	1113: "USER_LOGOUT",
	1114: "ADD_USER",
	1115: "DEL_USER",
	1116: "ADD_GROUP",
	1117: "DEL_GROUP",
	1118: "DAC_CHECK",
	1119: "CHGRP_ID",
	1120: "TEST",
	1121: "TRUSTED_APP",
	1122: "USER_SELINUX_ERR",
	1123: "USER_CMD",
	1124: "USER_TTY",
	1125: "CHUSER_ID",
	1126: "GRP_AUTH",
	1127: "SYSTEM_BOOT",
	1128: "SYSTEM_SHUTDOWN",
	1129: "SYSTEM_RUNLEVEL",
	1130: "SERVICE_START",
	1131: "SERVICE_STOP",
	1132: "GRP_MGMT",
	1133: "GRP_CHAUTHTOK",
	1134: "MAC_CHECK",
	1135: "ACCT_LOCK",
	1136: "ACCT_UNLOCK",
	1137: "USER_DEVICE",
	1138: "SOFTWARE_UPDATE",
	1200: "DAEMON_START",
	1201: "DAEMON_END",
	1202: "DAEMON_ABORT",
	1203: "DAEMON_CONFIG",
	1204: "DAEMON_RECONFIG",
	1205: "DAEMON_ROTATE",
	1206: "DAEMON_RESUME",
	1207: "DAEMON_ACCEPT",
	1208: "DAEMON_CLOSE",
	1209: "DAEMON_ERR",
	1300: "SYSCALL",
	1302: "PATH",
	1303: "IPC",
	1304: "SOCKETCALL",
	1305: "CONFIG_CHANGE",
	1306: "SOCKADDR",
	1307: "CWD",
	1309: "EXECVE",
	1311: "IPC_SET_PERM",
	1312: "MQ_OPEN",
	1313: "MQ_SENDRECV",
	1314: "MQ_NOTIFY",
	1315: "MQ_GETSETATTR",
	1316: "KERNEL_OTHER",
	1317: "FD_PAIR",
	1318: "OBJ_PID",
	1319: "TTY",
	1320: "EOE",
	1321: "BPRM_FCAPS",
	1322: "CAPSET",
	1323: "MMAP",
	1324: "NETFILTER_PKT",
	1325: "NETFILTER_CFG",
	1326: "SECCOMP",
	1327: "PROCTITLE",
	1328: "FEATURE_CHANGE",
	1329: "REPLACE",
	1330: "KERN_MODULE",
	1331: "FANOTIFY",
	1332: "TIME_INJOFFSET",
	1333: "TIME_ADJNTPVAL",
	1334: "BPF",
	1335: "EVENT_LISTENER",
	1336: "URINGOP",
	1337: "OPENAT2",
	1338: "DM_CTRL",
	1339: "DM_EVENT",
	1400: "AVC",
	1401: "SELINUX_ERR",
	1402: "AVC_PATH",
	1403: "MAC_POLICY_LOAD",
	1404: "MAC_STATUS",
	1405: "MAC_CONFIG_CHANGE",
	1406: "MAC_UNLBL_ALLOW",
	1407: "MAC_CIPSOV4_ADD",
	1408: "MAC_CIPSOV4_DEL",
	1409: "MAC_MAP_ADD",
	1410: "MAC_MAP_DEL",
	1411: "MAC_IPSEC_ADDSA",
	1412: "MAC_IPSEC_DELSA",
	1413: "MAC_IPSEC_ADDSPD",
	1414: "MAC_IPSEC_DELSPD",
	1415: "MAC_IPSEC_EVENT",
	1416: "MAC_UNLBL_STCADD",
	1417: "MAC_UNLBL_STCDEL",
	1418: "MAC_CALIPSO_ADD",
	1419: "MAC_CALIPSO_DEL",
	1420: "MAC_TASK_CONTEXTS",
	1421: "MAC_OBJ_CONTEXTS",
	1423: "LANDLOCK_ACCESS",
	1424: "LANDLOCK_DOMAIN",
	1500: "APPARMOR",
	1501: "APPARMOR_AUDIT",
	1502: "APPARMOR_ALLOWED",
	1503: "APPARMOR_DENIED",
	1504: "APPARMOR_HINT",
	1505: "APPARMOR_STATUS",
	1506: "APPARMOR_ERROR",
	1507: "APPARMOR_KILL",
	1700: "ANOM_PROMISCUOUS",
	1701: "ANOM_ABEND",
	1702: "ANOM_LINK",
	1703: "ANOM_CREAT",
	1800: "INTEGRITY_DATA",
	1801: "INTEGRITY_METADATA",
	1802: "INTEGRITY_STATUS",
	1803: "INTEGRITY_HASH",
	1804: "INTEGRITY_PCR",
	1805: "INTEGRITY_RULE",
	1806: "INTEGRITY_EVM_XATTR",
	1807: "INTEGRITY_POLICY_RULE",
	2000: "KERNEL",
	2100: "ANOM_LOGIN_FAILURES",
	2101: "ANOM_LOGIN_TIME",
	2102: "ANOM_LOGIN_SESSIONS",
	2103: "ANOM_LOGIN_ACCT",
	2104: "ANOM_LOGIN_LOCATION",
	2105: "ANOM_MAX_DAC",
	2106: "ANOM_MAX_MAC",
	2107: "ANOM_AMTU_FAIL",
	2108: "ANOM_RBAC_FAIL",
	2109: "ANOM_RBAC_INTEGRITY_FAIL",
	2110: "ANOM_CRYPTO_FAIL",
	2111: "ANOM_ACCESS_FS",
	2112: "ANOM_EXEC",
	2113: "ANOM_MK_EXEC",
	2114: "ANOM_ADD_ACCT",
	2115: "ANOM_DEL_ACCT",
	2116: "ANOM_MOD_ACCT",
	2117: "ANOM_ROOT_TRANS",
	2118: "ANOM_LOGIN_SERVICE",
	2119: "ANOM_LOGIN_ROOT",
	2120: "ANOM_ORIGIN_FAILURES",
	2121: "ANOM_SESSION",
	2200: "RESP_ANOMALY",
	2201: "RESP_ALERT",
	2202: "RESP_KILL_PROC",
	2203: "RESP_TERM_ACCESS",
	2204: "RESP_ACCT_REMOTE",
	2205: "RESP_ACCT_LOCK_TIMED",
	2206: "RESP_ACCT_UNLOCK_TIMED",
	2207: "RESP_ACCT_LOCK",
	2208: "RESP_TERM_LOCK",
	2209: "RESP_SEBOOL",
	2210: "RESP_EXEC",
	2211: "RESP_SINGLE",
	2212: "RESP_HALT",
	2213: "RESP_ORIGIN_BLOCK",
	2214: "RESP_ORIGIN_BLOCK_TIMED",
	2215: "RESP_ORIGIN_UNBLOCK_TIMED",
	2300: "USER_ROLE_CHANGE",
	2301: "ROLE_ASSIGN",
	2302: "ROLE_REMOVE",
	2303: "LABEL_OVERRIDE",
	2304: "LABEL_LEVEL_CHANGE",
	2305: "USER_LABELED_EXPORT",
	2306: "USER_UNLABELED_EXPORT",
	2307: "DEV_ALLOC",
	2308: "DEV_DEALLOC",
	2309: "FS_RELABEL",
	2310: "USER_MAC_POLICY_LOAD",
	2311: "ROLE_MODIFY",
	2312: "USER_MAC_CONFIG_CHANGE",
	2313: "USER_MAC_STATUS",
	2400: "CRYPTO_TEST_USER",
	2401: "CRYPTO_PARAM_CHANGE_USER",
	2402: "CRYPTO_LOGIN",
	2403: "CRYPTO_LOGOUT",
	2404: "CRYPTO_KEY_USER",
	2405: "CRYPTO_FAILURE_USER",
	2406: "CRYPTO_REPLAY_USER",
	2407: "CRYPTO_SESSION",
	2408: "CRYPTO_IKE_SA",
	2409: "CRYPTO_IPSEC_SA",
	2500: "VIRT_CONTROL",
	2501: "VIRT_RESOURCE",
	2502: "VIRT_MACHINE_ID",
	2503: "VIRT_INTEGRITY_CHECK",
	2504: "VIRT_CREATE",
	2505: "VIRT_DESTROY",
	2506: "VIRT_MIGRATE_IN",
	2507: "VIRT_MIGRATE_OUT",
}
