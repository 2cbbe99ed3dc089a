// SPDX-License-Identifier: MIT
#pragma once
/* Where the control socket of a store is. sun_path holds 107 bytes, a path 4,095: the
 * address goes by way of a descriptor of the directory. Any thread. */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONTROL_SOCKET "control"

/* dir_fd: the state directory, open while the address is used. */
static inline void control_address(int dir_fd, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd,
		CONTROL_SOCKET);
}
