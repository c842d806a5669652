/* A fact is true, false or unknown. Unknown is never treated as absent: the difference between "this master
 * has no cluster" and "we could not look" is the difference between an init and a second init. */
#ifndef MODEL_TRI_H
#define MODEL_TRI_H

enum tri { TRI_UNKNOWN = 0, TRI_FALSE, TRI_TRUE };

#endif
