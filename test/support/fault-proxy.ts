import { createServer, type Server, type Socket, connect } from "node:net";
