// Package lab builds small networks out of network namespaces, veth pairs and
// bridges, and runs directors, peers, clients and real servers in them.
//
// A [Lab] owns everything it makes. Its namespaces have no name and are kept
// alive by open file descriptors only, so labs cannot collide, whatever runs
// in parallel, and the kernel removes a lab together with the process that
// built it, however that process ends. Every started process gets SIGKILL when
// the lab goes; what a killed lab leaves behind (a directory, a grandchild) is
// swept by the next lab on the machine.
//
// Where the kernel has no IPVS, [Guest] continues a test inside a user-mode
// Linux guest that shares this machine's file system.
package lab
