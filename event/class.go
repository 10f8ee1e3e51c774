package event

import (
	"fmt"
	"strconv"
)

// Class is the kind of an event: the OCSF class_uid.
type Class uint16

// The classes in use. Numbers are OCSF class_uid values.
const (
	ClassUnknown            Class = 0
	ClassFileActivity       Class = 1001 // File System Activity
	ClassKernelExtension    Class = 1002 // Kernel Extension Activity: modules, kexec, BPF programs
	ClassKernelActivity     Class = 1003 // Kernel Activity: namespaces, raw sockets and other kernel resources
	ClassMemoryActivity     Class = 1004 // Memory Activity: executable mappings, memfd
	ClassScheduledJob       Class = 1006 // Scheduled Job Activity: cron, at, timers
	ClassProcessActivity    Class = 1007 // Process Activity
	ClassEventLog           Class = 1008 // Event Log Activity: audit configuration, log files
	ClassAccountChange      Class = 3001 // Account Change
	ClassAuthentication     Class = 3002 // Authentication
	ClassGroupManagement    Class = 3006 // Group Management
	ClassNetworkActivity    Class = 4001 // Network Activity
	ClassDeviceConfigChange Class = 5019 // Device Config State Change: clock, mounts, services
	classHighestInUse       Class = ClassDeviceConfigChange
	activityNameOther             = "other"
)

// Activity is what was done within a class: the OCSF activity_id of that class.
// Its meaning depends on the class; the constants carry the class in their name.
type Activity uint8

// Activities by class. OCSF numbers where OCSF has the activity; numbers from
// 50 up are additions of ours.
const (
	ActivityUnknown Activity = 0
	ActivityOther   Activity = 99

	FileCreate   Activity = 1
	FileUpdate   Activity = 3 // content written or truncated
	FileDelete   Activity = 4
	FileRename   Activity = 5
	FileSetAttrs Activity = 6 // owner, mode, times, xattrs
	FileOpen     Activity = 14

	ExtensionLoad   Activity = 1
	ExtensionUnload Activity = 2

	KernelCreate Activity = 1 // raw or crypto socket, namespace made
	KernelInvoke Activity = 4 // namespace entered (setns), io_uring or other facility used

	MemoryMapView             Activity = 9  // executable mapping made
	MemoryCreateAnonymousFile Activity = 50 // memfd_create

	JobCreate Activity = 1
	JobUpdate Activity = 2
	JobDelete Activity = 3
	JobStart  Activity = 6 // a job was run

	ProcessLaunch    Activity = 1 // a program was executed
	ProcessTerminate Activity = 2
	ProcessOpen      Activity = 3  // ptrace attach
	ProcessInject    Activity = 4  // ptrace poke, process_vm_writev
	ProcessSetUser   Activity = 5  // set*uid, capabilities gained
	ProcessFork      Activity = 50 // a process was born, no program executed yet
	ProcessSignal    Activity = 51

	LogClear   Activity = 1
	LogDelete  Activity = 2
	LogDisable Activity = 10
	LogEnable  Activity = 9
	LogConfig  Activity = 50 // audit rules changed

	AccountCreate         Activity = 1
	AccountEnable         Activity = 2
	AccountPasswordChange Activity = 3
	AccountDisable        Activity = 5
	AccountDelete         Activity = 6
	AccountModify         Activity = 50

	AuthLogon  Activity = 1
	AuthLogoff Activity = 2

	GroupAddUser    Activity = 3
	GroupRemoveUser Activity = 4
	GroupCreate     Activity = 6
	GroupDelete     Activity = 5
	GroupModify     Activity = 50

	NetworkOpen   Activity = 1
	NetworkClose  Activity = 2
	NetworkListen Activity = 7

	ConfigClock   Activity = 50
	ConfigMount   Activity = 51
	ConfigUnmount Activity = 52
	ConfigService Activity = 53
)

var classNames = map[Class]string{
	ClassUnknown:            "unknown",
	ClassFileActivity:       "file_activity",
	ClassKernelExtension:    "kernel_extension_activity",
	ClassKernelActivity:     "kernel_activity",
	ClassMemoryActivity:     "memory_activity",
	ClassScheduledJob:       "scheduled_job_activity",
	ClassProcessActivity:    "process_activity",
	ClassEventLog:           "event_log_activity",
	ClassAccountChange:      "account_change",
	ClassAuthentication:     "authentication",
	ClassGroupManagement:    "group_management",
	ClassNetworkActivity:    "network_activity",
	ClassDeviceConfigChange: "device_config_state_change",
}

var activityNames = map[Class]map[Activity]string{
	ClassFileActivity: {
		FileCreate: "create", FileUpdate: "update", FileDelete: "delete", FileRename: "rename",
		FileSetAttrs: "set_attributes", FileOpen: "open",
	},
	ClassKernelExtension: {ExtensionLoad: "load", ExtensionUnload: "unload"},
	ClassKernelActivity:  {KernelCreate: "create", KernelInvoke: "invoke"},
	ClassMemoryActivity:  {MemoryMapView: "map_view", MemoryCreateAnonymousFile: "create_anonymous_file"},
	ClassScheduledJob:    {JobCreate: "create", JobUpdate: "update", JobDelete: "delete", JobStart: "start"},
	ClassProcessActivity: {
		ProcessLaunch: "launch", ProcessTerminate: "terminate", ProcessOpen: "open",
		ProcessInject: "inject", ProcessSetUser: "set_user_id", ProcessFork: "fork", ProcessSignal: "signal",
	},
	ClassEventLog: {
		LogClear: "clear", LogDelete: "delete", LogDisable: "disable", LogEnable: "enable",
		LogConfig: "configure",
	},
	ClassAccountChange: {
		AccountCreate: "create", AccountEnable: "enable", AccountPasswordChange: "password_change",
		AccountDisable: "disable", AccountDelete: "delete", AccountModify: "modify",
	},
	ClassAuthentication: {AuthLogon: "logon", AuthLogoff: "logoff"},
	ClassGroupManagement: {
		GroupAddUser: "add_user", GroupRemoveUser: "remove_user", GroupCreate: "create",
		GroupDelete: "delete", GroupModify: "modify",
	},
	ClassNetworkActivity: {NetworkOpen: "open", NetworkClose: "close", NetworkListen: "listen"},
	ClassDeviceConfigChange: {
		ConfigClock: "clock", ConfigMount: "mount", ConfigUnmount: "unmount",
		ConfigService: "service",
	},
}

// Classes returns every class in use except [ClassUnknown], in ascending order.
func Classes() []Class {
	var classes []Class
	for c := ClassUnknown + 1; c <= classHighestInUse; c++ {
		if _, ok := classNames[c]; ok {
			classes = append(classes, c)
		}
	}
	return classes
}

// String returns the OCSF class name in snake case, or "class-N" for a number
// that is not in use.
func (c Class) String() string {
	if name, ok := classNames[c]; ok {
		return name
	}
	return "class-" + strconv.Itoa(int(c))
}

// MarshalText encodes the class as its name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts a name that [Class.String] returns for a class in use.
func (c *Class) UnmarshalText(text []byte) error {
	for class, name := range classNames {
		if name == string(text) {
			*c = class
			return nil
		}
	}
	return fmt.Errorf("unknown event class %q", text)
}

// Name returns the name of activity a within class c, "unknown" for zero and
// "other" for a number that the class does not define.
func (c Class) Name(a Activity) string {
	if a == ActivityUnknown {
		return "unknown"
	}
	if name, ok := activityNames[c][a]; ok {
		return name
	}
	return activityNameOther
}

// Activity returns the activity of class c with the given name; "unknown" is
// zero and "other" is [ActivityOther].
func (c Class) Activity(name string) (Activity, error) {
	switch name {
	case "unknown":
		return ActivityUnknown, nil
	case activityNameOther:
		return ActivityOther, nil
	}
	for a, n := range activityNames[c] {
		if n == name {
			return a, nil
		}
	}
	return 0, fmt.Errorf("class %s has no activity %q", c, name)
}
