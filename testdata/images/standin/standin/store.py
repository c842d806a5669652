"""What the members of one etcd cluster hold in common: a directory of the lab, one file under a lock.
It is found by the cluster's id, which lies in each member's data directory as a real member's does."""
import contextlib
import fcntl
import json
import os

from .common import API_DIR, read, write

MEMBER_FILE = "/member/standin.json"  # under the data directory


def member_of(data_dir):
    """{cluster, id} of the member whose data lie there, or None."""
    try:
        return json.loads(read(data_dir + MEMBER_FILE))
    except (OSError, ValueError):
        return None


def set_member(data_dir, cluster, member):
    write(data_dir + MEMBER_FILE, json.dumps({"cluster": cluster, "id": member}) + "\n", 0o600)
    os.chmod(data_dir, 0o700)


class Store:
    def __init__(self, cluster):
        self.dir = "%s/%s" % (API_DIR, cluster)
        self.path = self.dir + "/state.json"

    def exists(self):
        return os.path.exists(self.path)

    def create(self, member):
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        write(self.path, json.dumps({"members": [member], "leader": member["id"], "objects": {}, "version": 1}), 0o600)

    def load(self):
        return json.loads(read(self.path))

    @contextlib.contextmanager
    def change(self):
        """The state, alone; what was changed in it is stored unless an exception leaves the block."""
        with open(self.dir + "/lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.load()
            before = json.dumps(state, sort_keys=True)
            yield state
            if json.dumps(state, sort_keys=True) != before:
                state["version"] += 1
                write(self.path, json.dumps(state), 0o600)

    # Heartbeats do not go through the one file: they are many.
    def beat(self, node, body):
        write("%s/beats/%s" % (self.dir, node), json.dumps(body), 0o600)

    def beats(self):
        out = {}
        directory = self.dir + "/beats"
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                if not name.startswith("."):
                    with contextlib.suppress(OSError, ValueError):
                        out[name] = json.loads(read(directory + "/" + name))
        return out

    def drop_beat(self, node):
        with contextlib.suppress(OSError):
            os.unlink("%s/beats/%s" % (self.dir, node))
