package pgtest

import "syscall"

// attributes make a process end when this one does, whatever ends it.
func attributes(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if uid >= 0 {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}

func memoryFree() uint64 {
	var fs syscall.Statfs_t
	if syscall.Statfs("/dev/shm", &fs) != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
