/*
 * cmd/model.h - the commands about a model: docmill model info|check|random|tokenize|trace, docmill ask.
 */
#ifndef CMD_MODEL_H
#define CMD_MODEL_H

/* argv[0] is the word before the options ("model", "ask"). Both return an exit code. */
int cmd_model(int argc, char **argv);
int cmd_ask(int argc, char **argv);

#endif
