package terminal

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Agreed asks a question and tells whether the answer is yes. Whoever says nothing, or is not there, has not agreed.
func Agreed(answers *bufio.Reader, questions io.Writer, question string) bool {
	fmt.Fprintf(questions, "%s [y/N] ", question)
	line, err := answers.ReadString('\n')
	if err != nil {
		fmt.Fprintln(questions) // nobody has typed one
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
