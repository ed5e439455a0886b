import assert from "node:assert/strict";
import { test } from "node:test";
import { networkFileSystem } from "../../../adapters/store/sqlite/place.ts";

test("file systems of the network are known by their statfs type, signed or not, and local ones are not taken for them", () => {
  assert.equal(networkFileSystem(0x6969), "NFS");
  assert.equal(networkFileSystem(0xff534d42), "CIFS");
  assert.equal(networkFileSystem(-0xacb2be), "CIFS");
  assert.equal(networkFileSystem(0xfe534d42), "SMB 2");
  assert.equal(networkFileSystem(0x65735546), "FUSE");
  for (const local of [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1]) {
    assert.equal(networkFileSystem(local), null, local.toString(16));
  }
});
