/* fyload FILE: what libfyaml itself takes to load every document of a file: the measure for `reconcile validate`. */
#include <libfyaml.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET};
    struct fy_parser *parser;
    struct fy_document *document;
    int documents = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: fyload FILE\n");
        return 64;
    }
    parser = fy_parser_create(&cfg);
    if (!parser || fy_parser_set_input_file(parser, argv[1])) {
        fprintf(stderr, "fyload: cannot read %s\n", argv[1]);
        return 1;
    }
    while ((document = fy_parse_load_document(parser))) {
        documents++;
        fy_document_destroy(document);
    }
    fy_parser_destroy(parser);
    printf("%d documents\n", documents);
    return documents == 0;
}
