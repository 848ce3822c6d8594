// Test data of small networks in files: {name, dtype, dims, data: typed array}; undefined for text and types that JavaScript cannot hold.
import fs from "node:fs";
import { readPb } from "../web/pages/tensor_file.mjs";

export const readTensor = (path) => readPb(fs.readFileSync(path));
